"""G3, handshakes: a backlog handed to one peer, and the same with a line for each letter.

The peer is Postfix, which says in its log how often it shook hands.
"""

from collections.abc import Iterator

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.benchmarks.house import House, addresses, running_house
from tests.benchmarks.measure import Cell, Figure, Goal, Scale, compared
from tests.benchmarks.postfixes import DISCARDED, HANDSHAKE, discarding_postfix, log_of
from tests.benchmarks.programs import BrokenError, Program
from tests.peers.postfix import Postfix

_LETTERS = 600
_SECONDS = 300
_PER_HANDSHAKE = 50


def measure(scale: Scale) -> Iterator[Cell]:
    count = scale.letters(_LETTERS)
    with running_house() as house:
        port = PRACTICE.smtp_port(house.port_base)
        with (
            discarding_postfix(house.space, PRACTICE, port=port) as postfix,
            house.inside(HOSPITAL) as inside,
        ):
            cell = compared(
                "G3",
                f"10 kB, {count} letters in the outbox to one peer",
                "letters/s",
                scale=scale,
                peer=lambda: _drain(house, postfix, inside, count, lines="one letter each"),
                ours=lambda: _drain(house, postfix, inside, count, lines="kept"),
                peer_name="a line each",
                goal=Goal("ratio", "more", 1.7),
            )
            yield cell
            yield _handshakes(cell, count)


def _drain(house: House, postfix: Postfix, inside: Program, count: int, *, lines: str) -> Figure:
    """From the first letter that the peer took to the last; the worker's start does not count."""
    inside.ask("write", count=count, size=10_000, to=addresses(PRACTICE))
    sent = inside.ask("send", threads=1)
    if sent["errors"]:
        raise BrokenError(f"sending failed: {sent['errors']}")
    log = log_of(postfix)
    house.start(HOSPITAL, *house.workers(HOSPITAL), BENCH_LINES=lines)
    began = log.wait(lambda counts: counts[DISCARDED] > 0, seconds=_SECONDS)
    first = log.counts[DISCARDED]
    ended = log.wait(lambda counts: counts[DISCARDED] >= count, seconds=_SECONDS)
    inside.ask("await_settled", seconds=_SECONDS)
    house.stop(HOSPITAL, *house.workers(HOSPITAL))
    if log.look()[DISCARDED] != count:
        raise BrokenError(f"{log.counts[DISCARDED]} letters came of {count}")
    notes = {"handshakes": float(log.counts[HANDSHAKE])}
    return Figure((count - first) / max(ended - began, 0.001), notes)


def _handshakes(cell: Cell, count: int) -> Cell:
    """How many letters a handshake served, from the same rounds."""
    shaken = max(1.0, float(cell.notes["ours handshakes"]))
    return Cell(
        goal_name="G3",
        name=f"letters for each handshake, of {count}",
        unit="letters",
        ours=(count / shaken,),
        peer=(count / max(1.0, float(cell.notes["peer handshakes"])),),
        peer_name=cell.peer_name,
        goal=Goal("ours", "more", min(_PER_HANDSHAKE, count)),
        load=cell.load,
    )
