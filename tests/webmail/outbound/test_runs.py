"""Runs of letters: a list is read whole before anything leaves, and sent once however often it is
started.
"""

import json

import pytest
from django.core.management import CommandError, call_command

from tests.factories.letters import PETIT
from tests.factories.outbox import PRACTICE_DOMAIN, ROY
from tests.factories.visitors import publish_domains
from webmail.mailbox.outbox import count_peers, count_run, list_run
from webmail.mailbox.reading import content_of, read_message, source_of, subject_of
from webmail.models import Delivery, DeliveryState, LetterRun, Message
from webmail.outbound import posting, runs
from webmail.outbound.runs import begin_run, check_entries, label_of, read_list, send_entries
from webmail.outbound.troubles import note_trouble

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    publish_domains(PRACTICE_DOMAIN, "labo.mssante.example")
    domains: list[str] = []
    monkeypatch.setattr(posting, "ring_domain", domains.append)
    return domains


@pytest.fixture
def write(tmp_path):
    def write(*lines, name="resultats.jsonl"):
        path = tmp_path / name
        text = [one if isinstance(one, str) else json.dumps(one) for one in lines]
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
        return path

    return write


def line(number, **fields):
    return {
        "key": f"lettre-{number}",
        "to": PETIT,
        "subject": f"Résultat {number}",
        "text": "Bonjour.",
        **fields,
    }


def start(path, *options):
    call_command(
        "send_letters",
        str(path),
        "--mailbox=camille.martin@ch-valbrune.mssante.example",
        "--actor=camille.martin",
        "--json",
        *options,
    )


def test_list_becomes_letters_that_wait_for_their_operators(martin_box, write, tmp_path, capsys):
    (tmp_path / "cr.pdf").write_bytes(b"%PDF-1.4 compte rendu")
    start(write(line(1), "", line(2, to=f"{PETIT}, {ROY}", files=["cr.pdf"])))
    result = json.loads(capsys.readouterr().out)
    run = LetterRun.objects.get()
    assert result == {"letters": 2, "sent": 2, "run": run.pk}
    assert (label_of(run), run.expected) == ("resultats.jsonl", 2)
    first, second = Message.objects.order_by("pk")
    assert subject_of(first) == "Résultat 1"
    assert read_message(first).text == "Bonjour."
    assert first.folder_role == "sent"
    assert content_of(second.attachments.get()) == b"%PDF-1.4 compte rendu"
    assert b"cr.pdf" in source_of(second)
    assert Delivery.objects.filter(state=DeliveryState.QUEUED, mailbox=martin_box).count() == 3
    martin_box.refresh_from_db()
    assert martin_box.used_bytes > 0


def test_same_list_again_sends_what_is_missing_and_nothing_twice(martin_box, write, capsys):
    start(write(line(1), line(2)))
    start(write(line(1), line(2), line(3)))
    sent = [json.loads(one)["sent"] for one in capsys.readouterr().out.splitlines()]
    assert sent == [2, 1]
    assert Message.objects.count() == 3
    assert LetterRun.objects.get().expected == 3


def test_run_that_was_killed_goes_on(martin_box, dr_martin, write, monkeypatch):
    monkeypatch.setattr(runs, "PORTION", 2)
    entries, faults = read_list(write(*[line(n) for n in range(7)]))
    assert faults == []
    run = begin_run(martin_box, dr_martin, "essai", expected=7)
    killed = send_entries(run, dr_martin, entries)
    assert [next(killed), next(killed)] == [2, 2]
    assert list(send_entries(run, dr_martin, entries)) == [0, 0, 2, 1]
    assert Message.objects.filter(run=run).count() == 7


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ("{", "not_json"),
        ("[1]", "not_json"),
        (line(9, to=""), "missing (to)"),
        (line(9, key=7), "missing (key)"),
        ({"to": PETIT}, "missing (key)"),
        (line(9, telephone="01"), "unknown_field (telephone)"),
        (line(1), "key_twice (key)"),
        (line(9, to="personne"), "malformed_address (to)"),
        (line(9, to="x@ailleurs.example"), "outside_trust_space (to)"),
        (line(9, files=["absent.pdf"]), "no_such_file (files)"),
        (line(9, files=["../../../../etc/passwd"]), "no_such_file (files)"),
        (line(9, files="a.pdf"), "not_a_list (files)"),
    ],
)
def test_one_bad_line_stops_all_of_it_and_is_named(martin_box, write, bad, word):
    with pytest.raises(CommandError) as stopped:
        start(write(line(1), bad, line(3)))
    assert f"line 2: {word}" in str(stopped.value)
    assert "Nothing was sent" in str(stopped.value)
    assert PETIT not in str(stopped.value)
    assert not Message.objects.exists()
    assert not LetterRun.objects.exists()


def test_checking_sends_nothing(martin_box, write, capsys):
    start(write(line(1)), "--check")
    assert json.loads(capsys.readouterr().out) == {"letters": 1, "sent": 0, "run": None}
    assert not Message.objects.exists()


def test_list_too_big_for_a_letter_is_refused(martin_box, write, tmp_path, settings):
    (tmp_path / "gros.pdf").write_bytes(b"x" * 3000)
    settings.MESSAGE_SIZE_LIMIT_OUT = 2000
    entries, _ = read_list(write(line(1, files=["gros.pdf"])))
    assert [fault.reason for fault in check_entries(entries)] == ["too_big"]


@pytest.mark.parametrize("who", ["samia.benali", "hugo.petit"])
def test_who_may_not_send_in_the_box_sends_no_run(martin_box, samia, dr_petit, write, who):
    with pytest.raises(CommandError, match="may not send"):
        call_command(
            "send_letters", str(write(line(1))), f"--mailbox={martin_box.address}", f"--actor={who}"
        )
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "options",
    [("--mailbox=x@y.example", "--actor=camille.martin"), ("--mailbox=BOX", "--actor=personne")],
)
def test_unknown_box_or_person_is_said(martin_box, write, options):
    options = [one.replace("BOX", martin_box.address) for one in options]
    with pytest.raises(CommandError, match="has this"):
        call_command("send_letters", str(write(line(1))), *options)


def test_list_that_cannot_be_read_is_said(martin_box, tmp_path):
    (tmp_path / "latin").write_bytes(b"\xe9\xe8")
    for name in ("absent", "latin"):
        with pytest.raises(CommandError, match="cannot be read"):
            start(tmp_path / name)
    (tmp_path / "vide").write_bytes(b"\n")
    with pytest.raises(CommandError, match="empty"):
        start(tmp_path / "vide")


def test_run_is_counted_by_state_and_by_operator(martin_box, dr_martin, write):
    entries, _ = read_list(
        write(*[line(n) for n in range(4)], line(9, to="a@labo.mssante.example"))
    )
    run = begin_run(martin_box, dr_martin, "essai", expected=5)
    assert list(send_entries(run, dr_martin, entries)) == [5]
    rows = Delivery.objects.order_by("pk")
    for row, state in zip(rows, ("accepted", "failed", "cancelled", "queued"), strict=False):
        Delivery.objects.filter(pk=row.pk).update(state=state)
    note_trouble("labo.mssante.example", "timeout")
    count = count_run(run)
    assert (count.total, count.waiting, count.ended_at) == (5, 2, None)
    assert count.by_state == {"accepted": 1, "failed": 1, "cancelled": 1, "queued": 2}
    labo, practice = count_peers(run)[::-1] if count_peers(run)[0].failed else count_peers(run)
    assert (labo.domain, labo.waiting) == ("labo.mssante.example", 1)
    assert labo.trouble is not None
    assert labo.trouble.reason == "timeout"
    assert (practice.total, practice.waiting, practice.failed) == (4, 1, 1)
    assert len(list_run(run, ("failed",)).deliveries) == 1
    assert len(list_run(run, ()).deliveries) == 5
    Delivery.objects.update(state="accepted")
    assert count_run(run).ended_at is not None
