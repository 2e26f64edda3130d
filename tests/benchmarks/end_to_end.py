"""G2, end to end: letters sent by our send function at one operator until their rows lie in the
boxes of the other, beside a pair of Postfix that hands them over on kept lines.

Ours is both operators as the demonstration ships them, but for their web pages; the drafts are
written before the clock starts, as Postfix's letters are. Postfix's receiver throws away what it
took, ours parses, encrypts and files it. Where the outbox is full already, sending is no part of
the time: both run from the first letter that arrived to the last.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.benchmarks import processes
from tests.benchmarks.house import LISTENER, House, addresses, running_house
from tests.benchmarks.letters import make_tag
from tests.benchmarks.measure import Cell, Figure, Goal, Scale, compared
from tests.benchmarks.postfixes import (
    DISCARDED,
    HANDSHAKE,
    HELD,
    log_of,
    pids_of,
    postfix_pair,
    release,
)
from tests.benchmarks.programs import BrokenError, Program, run_program
from tests.peers.postfix import Postfix

_SIZES = {"10 kB": (10_000, 600, 0.8), "1 MB": (1_000_000, 60, 1.0)}
_SENDERS = 2  # People who press «send» at once.
_INJECTORS = 8
_SECONDS = 120  # Without a letter: then it is lost.


@dataclass(frozen=True, slots=True)
class Road:
    """Both operators of ours, and a pair of Postfix."""

    house: House
    sender: Program
    receiver: Program
    pair: tuple[Postfix, Postfix]


@dataclass(frozen=True, slots=True)
class Load:
    """``is_waiting``: all letters were sent before the first may leave."""

    size: int
    count: int
    is_waiting: bool


def measure(scale: Scale) -> Iterator[Cell]:
    with running_house() as house, postfix_pair(house.space) as pair:
        house.start(PRACTICE, LISTENER, *house.workers(PRACTICE))
        with house.inside(HOSPITAL) as sender, house.inside(PRACTICE) as receiver:
            road = Road(house, sender, receiver, pair)
            for is_waiting in (False, True):
                for label, (size, letters, bound) in _SIZES.items():
                    load = Load(size, scale.letters(letters), is_waiting)
                    yield _cell(road, label, load, scale, Goal("ratio", "more", bound))
        house.stop(PRACTICE, LISTENER, *house.workers(PRACTICE))


def _cell(road: Road, label: str, load: Load, scale: Scale, goal: Goal) -> Cell:
    workers = road.house.workers(HOSPITAL)
    road.house.start(HOSPITAL, *workers)
    warm = Load(load.size, 8, is_waiting=False)
    _postfix(road, warm)
    _ours(road, warm)
    if load.is_waiting:
        road.house.stop(HOSPITAL, *workers)
    way = "a full outbox, first to last arrival" if load.is_waiting else "from send to inbox"
    cell = compared(
        "G2",
        f"{label}, {load.count} letters, {way}",
        "letters/s",
        scale=scale,
        peer=lambda: _postfix(road, load),
        ours=lambda: _ours(road, load),
        peer_name="Postfix pair",
        # The goal is that of the whole way.
        goal=None if load.is_waiting else goal,
    )
    if not load.is_waiting:
        road.house.stop(HOSPITAL, *workers)
    return cell


def _ours(road: Road, load: Load) -> Figure:
    """Raises ``BrokenError`` when a letter is lost or lies there twice."""
    house = road.house
    workers = house.workers(HOSPITAL)
    road.sender.ask("write", count=load.count, size=load.size, to=addresses(PRACTICE))
    before = _cpu(house)
    road.receiver.ask("await_received", count=load.count, seconds=_SECONDS)  # It watches now.
    sent = road.sender.ask("send", threads=_SENDERS)
    if load.is_waiting:
        house.start(HOSPITAL, *workers)
    arrived = road.receiver.answer()
    _check(sent, arrived, load.count)
    after = _cpu(house)
    notes = {name: (after[name] - before.get(name, 0.0)) * 1000 / load.count for name in after}
    if load.is_waiting:
        house.stop(HOSPITAL, *workers)
        del notes["sender CPU ms/letter"]  # Its start is in it.
        seconds = max(arrived["ended"] - arrived["first"], 0.001)
        return Figure((load.count - arrived["first_found"]) / seconds, notes)
    notes["sent/s"] = load.count / (sent["ended"] - sent["began"])
    return Figure(load.count / (arrived["ended"] - sent["began"]), notes)


def _cpu(house: House) -> dict[str, float]:
    parts = {
        "sender": (HOSPITAL, [kind for kind in house.running(HOSPITAL) if kind != LISTENER]),
        "listener": (PRACTICE, [LISTENER]),
        "depositor": (PRACTICE, house.workers(PRACTICE)),
    }
    return {
        f"{name} CPU ms/letter": processes.cpu_seconds(house.pids(operator, *kinds))
        for name, (operator, kinds) in parts.items()
    }


def _check(sent: dict[str, list[str]], arrived: dict[str, list[str]], count: int) -> None:
    if sent["errors"] or len(sent["ids"]) != count:
        raise BrokenError(f"{len(sent['ids'])} of {count} letters were sent: {sent['errors']}")
    lost = set(sent["ids"]) - set(arrived["ids"])
    if lost or arrived["twice"]:
        raise BrokenError(f"{len(lost)} letters of {count} lost, {len(arrived['twice'])} twice")


def _postfix(road: Road, load: Load) -> Figure:
    """To the last letter that the receiver's log calls delivered."""
    sender, receiver = road.pair
    before = processes.cpu_seconds([*pids_of(sender), *pids_of(receiver)])
    log = log_of(receiver)
    errand = {
        "port": sender.inject,
        "letters": load.count,
        "size": load.size,
        "sender": HELD if load.is_waiting else addresses(HOSPITAL)[0],
        "recipients": addresses(PRACTICE),
        "tag": make_tag(),
        "connections": min(_INJECTORS, load.count),
        "dialogue": "plain",
    }
    began, first = run_program("source", errand)["began"], 0
    if load.is_waiting:
        release(sender)
        began = log.wait(lambda counts: counts[DISCARDED] > 0, seconds=_SECONDS)
        first = log.counts[DISCARDED]
    ended = log.wait(lambda counts: counts[DISCARDED] >= load.count, seconds=_SECONDS)
    after = processes.cpu_seconds([*pids_of(sender), *pids_of(receiver)])
    cpu = (after - before) * 1000 / load.count
    notes = {"handshakes": float(log.counts[HANDSHAKE]), "CPU ms/letter": cpu}
    return Figure((load.count - first) / max(ended - began, 0.001), notes)
