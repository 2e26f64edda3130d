"""G2, end to end: letters sent by our send function at one operator until their rows lie in the
boxes of the other, beside a pair of Postfix that hands them over on kept lines.

Ours is both operators as the demonstration ships them, but for their web pages; the drafts are
written before the clock starts, as Postfix's letters are. Postfix's receiver throws away what it
took, ours parses, encrypts and files it.
"""

from collections.abc import Iterator

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.benchmarks import processes
from tests.benchmarks.house import LISTENER, House, addresses, running_house
from tests.benchmarks.letters import make_tag
from tests.benchmarks.measure import Cell, Figure, Goal, Scale, compared
from tests.benchmarks.postfixes import DISCARDED, HANDSHAKE, log_of, pids_of, postfix_pair
from tests.benchmarks.programs import BrokenError, Program, run_program
from tests.peers.postfix import Postfix

_SIZES = {"10 kB": (10_000, 600, 0.8), "1 MB": (1_000_000, 60, 1.0)}
_SENDERS = 2  # People who press «send» at once.
_INJECTORS = 8
_SECONDS = 600


def measure(scale: Scale) -> Iterator[Cell]:
    with running_house() as house, postfix_pair(house.space) as pair:
        house.start(PRACTICE, LISTENER, *house.workers(PRACTICE))
        house.start(HOSPITAL, *house.workers(HOSPITAL))
        with house.inside(HOSPITAL) as sender, house.inside(PRACTICE) as receiver:
            for label, (size, letters, bound) in _SIZES.items():
                count = scale.letters(letters)
                _ours(house, sender, receiver, size=size, count=8)
                _postfix(pair, size=size, count=8)
                yield compared(
                    "G2",
                    f"{label}, {count} letters from send to inbox",
                    "letters/s",
                    scale=scale,
                    peer=lambda size=size, count=count: _postfix(pair, size=size, count=count),
                    ours=lambda size=size, count=count: _ours(
                        house, sender, receiver, size=size, count=count
                    ),
                    peer_name="Postfix pair",
                    goal=Goal("ratio", "more", bound),
                )
        house.stop(PRACTICE, LISTENER, *house.workers(PRACTICE))
        house.stop(HOSPITAL, *house.workers(HOSPITAL))


def _ours(house: House, sender: Program, receiver: Program, *, size: int, count: int) -> Figure:
    """Raises ``BrokenError`` when a letter is lost or lies there twice."""
    pids = {
        "sender": house.pids(HOSPITAL, *house.workers(HOSPITAL)),
        "listener": house.pids(PRACTICE, LISTENER),
        "depositor": house.pids(PRACTICE, *house.workers(PRACTICE)),
    }
    sender.ask("write", count=count, size=size, to=addresses(PRACTICE))
    before = {name: processes.cpu_seconds(ids) for name, ids in pids.items()}
    receiver.tell("await_received", count=count, seconds=_SECONDS)
    receiver.answer()  # It watches now.
    sent = sender.ask("send", threads=_SENDERS)
    arrived = receiver.answer()
    if sent["errors"] or len(sent["ids"]) != count:
        raise BrokenError(f"sending failed: {sent['errors']}")
    lost = set(sent["ids"]) - set(arrived.get("ids", ()))
    if lost or arrived["twice"]:
        raise BrokenError(f"{len(lost)} letters lost, {len(arrived.get('twice', ()))} twice")
    cpu = {
        f"{name} CPU ms/letter": (processes.cpu_seconds(ids) - before[name]) * 1000 / count
        for name, ids in pids.items()
    }
    notes = {"sent/s": count / (sent["ended"] - sent["began"]), **cpu}
    return Figure(count / (arrived["ended"] - sent["began"]), notes)


def _postfix(pair: tuple[Postfix, Postfix], *, size: int, count: int) -> Figure:
    """From the first injection to the last letter that the receiver's log calls delivered."""
    sender, receiver = pair
    pids = pids_of(sender) + pids_of(receiver)
    cpu = processes.cpu_seconds(pids)
    log = log_of(receiver)
    errand = {
        "port": sender.inject,
        "letters": count,
        "size": size,
        "sender": addresses(HOSPITAL)[0],
        "recipients": addresses(PRACTICE),
        "tag": make_tag(),
        "connections": min(_INJECTORS, count),
        "dialogue": "plain",
    }
    done = run_program("source", errand)
    ended = log.wait(lambda counts: counts[DISCARDED] >= count, seconds=_SECONDS)
    cpu = (processes.cpu_seconds(pids) - cpu) * 1000 / count
    notes = {"handshakes": float(log.counts[HANDSHAKE]), "CPU ms/letter": cpu}
    return Figure(count / (ended - done["began"]), notes)
