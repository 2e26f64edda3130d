"""The benchmark itself: what it sends, how it judges, and that its programs speak with each other.
No figure of it is looked at.
"""

import json
from email import message_from_bytes, policy

import pytest

from tests.benchmarks import report
from tests.benchmarks.letters import make_tag, make_template
from tests.benchmarks.measure import Cell, Figure, Goal, Scale, alternate, compared
from tests.benchmarks.programs import BrokenError, run_program, running_program
from tests.check.services import free_port

SENDER = "hugo.petit@cabinet-tilleuls.mssante.example"
RECIPIENT = "camille.martin@ch-valbrune.mssante.example"


def make_cell(*, ours=(8.0,), peer=(10.0,), goal=None):
    return Cell("G0", "a thing", "letters/s", ours, peer, "a peer", goal, 0.5, {"latency ms": 2.0})


@pytest.mark.parametrize("size", [2_000, 10_000, 1_000_000])
def test_letter_has_the_size_asked_for_and_a_name_of_its_own(size):
    template = make_template(size, sender=SENDER, recipient=RECIPIENT)
    tag = make_tag()
    first, second = template.letter(tag, 0), template.letter(tag, 1)
    assert len(first) == len(second) == size
    assert b"\r\n." not in first
    parsed = [message_from_bytes(one, policy=policy.default) for one in (first, second)]
    names = [one["Message-ID"] for one in parsed]
    assert names == [f"<{template.identifier(tag, number)}>" for number in (0, 1)]
    assert [part.get_content_type() for part in parsed[0].iter_parts()] == [
        "text/plain",
        "application/pdf",
    ]


def test_peer_and_we_are_measured_in_turn():
    order = []

    def side(name, value):
        order.append(name)
        return Figure(value, {"latency ms": 1.0})

    theirs, own, _ = alternate(
        Scale(rounds=3), lambda: side("peer", 10.0), lambda: side("ours", 20.0)
    )
    assert order == ["peer", "ours"] * 3
    assert (theirs.values, own.values) == ([10.0] * 3, [20.0] * 3)


def test_cell_is_made_of_medians():
    values = iter([1.0, 9.0, 5.0])
    cell = compared(
        "G0",
        "a thing",
        "letters/s",
        scale=Scale(rounds=3),
        peer=lambda: Figure(10.0),
        ours=lambda: Figure(next(values), {"latency ms": 3.0}),
        peer_name="a peer",
    )
    assert cell.ratio == 0.5
    assert cell.notes == {"ours latency ms": 3.0}


@pytest.mark.parametrize(
    ("goal", "is_met"),
    [
        (None, None),
        (Goal("ratio", "more", 0.8), True),
        (Goal("ratio", "more", 0.9), False),
        (Goal("ours", "less", 8.0), True),
        (Goal("ours", "less", 7.0), False),
    ],
)
def test_goal_is_a_bound_of_the_ratio_or_of_our_own_figure(goal, is_met):
    assert make_cell(goal=goal).is_met is is_met


def test_peer_that_is_unsteady_is_no_yardstick():
    cell = make_cell(peer=(5.0, 10.0), goal=Goal("ratio", "more", 0.1))
    assert not cell.is_comparable
    assert cell.is_met is None
    assert "not comparable" in report.line_of(cell)


def test_report_holds_every_cell_and_what_broke(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    table = report.write_report(
        [make_cell(goal=Goal("ratio", "more", 0.8))], broken=["a letter is lost"]
    )
    assert "0.80x" in table
    assert "BROKEN: a letter is lost" in table
    written = json.loads((tmp_path / "report.json").read_text("utf-8"))
    (cell,) = written["cells"]
    assert (cell["ratio"], cell["is_met"], cell["load"]) == (0.8, True, 0.5)
    assert written["broken"] == ["a letter is lost"]
    assert (tmp_path / "report.txt").read_text("utf-8").startswith("goal")


@pytest.fixture
def identity(toy_space, tmp_path):
    folder = toy_space.root / "operators" / "cabinet"
    anchors = tmp_path / "anchors.pem"
    found = sorted((toy_space.anchors / "organisations").glob("*.pem"))
    anchors.write_bytes(b"".join(path.read_bytes() for path in found))
    return {
        "certificate": str(folder / "cert.pem"),
        "key": str(folder / "key.pem"),
        "anchors": str(anchors),
    }


@pytest.fixture
def sink(identity):
    setting = {"port": free_port(), "is_noting": True, **identity}
    with running_program("sink", json.dumps(setting)) as program:
        yield setting["port"], program


@pytest.mark.parametrize("dialogue", ["plain", "offered"])
@pytest.mark.parametrize("is_kept", [True, False])
def test_every_letter_of_a_source_comes_to_the_sink(sink, identity, dialogue, is_kept):
    port, program = sink
    errand = {
        "port": port,
        "letters": 6,
        "size": 100_000,
        "sender": SENDER,
        "recipients": [RECIPIENT],
        "tag": make_tag(),
        "connections": 2,
        "is_kept": is_kept,
        "dialogue": dialogue,
        **identity,
    }
    done = run_program("source", errand)
    noted = [program.answer() for _ in range(6)]
    assert done["letters"] == 6
    assert done["handshakes"] == (2 if is_kept else 6)
    assert sum(one["is_first"] for one in noted) <= done["handshakes"]
    # The final dot is the dialogue's own.
    assert {one["size"] for one in noted} == {100_000 + 3 * (dialogue == "plain")}


@pytest.mark.parametrize("who", ["ours", "smtplib"])
def test_both_senders_bring_their_letters(sink, identity, who):
    port, program = sink
    errand = {
        "who": who,
        "port": port,
        "letters": 4,
        "size": 10_000,
        "connections": 2,
        "tag": make_tag(),
        **identity,
    }
    done = run_program("sending", errand)
    assert [program.answer()["is_first"] for _ in range(4)].count(True) == 2
    assert done["rate"] > 0


def test_source_that_reaches_nobody_is_something_broken():
    errand = {
        "port": free_port(),
        "letters": 1,
        "size": 10_000,
        "sender": SENDER,
        "recipients": [RECIPIENT],
        "tag": make_tag(),
    }
    with pytest.raises(BrokenError, match="ConnectionRefusedError"):
        run_program("source", errand)
