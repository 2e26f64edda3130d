"""G15 and memory: what an idle operator weighs as ``make run`` starts it, how much it grows with
two thousand letters, and what one letter of 35 MB costs each process on its way in and out.
"""

import time
from collections.abc import Iterator

from mssante.demo.operators import HOSPITAL, PRACTICE, Operator
from tests.benchmarks import processes
from tests.benchmarks.house import LISTENER, House, addresses, running_house
from tests.benchmarks.letters import make_tag
from tests.benchmarks.measure import Cell, Goal, Scale
from tests.benchmarks.programs import BrokenError, Program, run_program

_MOST_MB = 350.0
_MOST_GROWTH = 10.0  # Percent.
_LETTERS = 2000
_LARGE = 35_000_000
_MOST_FOR_LARGE = 64.0
_SECONDS = 120  # Without a letter: then it is lost.
_SETTLE_SECONDS = 5
_ROADS = {"sent": HOSPITAL, "received": PRACTICE}


def measure(scale: Scale) -> Iterator[Cell]:
    # A letter of 35 MB leaves only where the site allows more than the product's own limit.
    with running_house(MESSAGE_SIZE_LIMIT_OUT=2 * _LARGE) as house:
        for operator in _ROADS.values():
            house.start(operator, *house.kinds(operator))
        with house.inside(HOSPITAL) as sender, house.inside(PRACTICE) as receiver:
            yield from _weight(house, sender, receiver, scale)
            yield from _large_in(house, receiver)
            yield from _large_out(house, sender, receiver)
        for operator in _ROADS.values():
            house.stop(operator, *house.kinds(operator))


def _weight(house: House, sender: Program, receiver: Program, scale: Scale) -> Iterator[Cell]:
    """Idle before any letter, and after many."""
    load = processes.load()
    time.sleep(_SETTLE_SECONDS)
    idle = {road: _weights(house, operator) for road, operator in _ROADS.items()}
    yield Cell(
        goal_name="G15",
        name="an idle operator, all processes, PSS",
        unit="MB",
        ours=(sum(idle["sent"].values()),),
        goal=Goal("ours", "less", _MOST_MB),
        load=load,
        notes={kind: round(weight, 1) for kind, weight in idle["sent"].items()},
    )
    _send(sender, receiver, count=8, size=10_000)
    time.sleep(_SETTLE_SECONDS)
    warm = {road: _weights(house, operator) for road, operator in _ROADS.items()}
    count = scale.letters(_LETTERS)
    _send(sender, receiver, count=count, size=10_000)
    time.sleep(_SETTLE_SECONDS)
    for road, operator in _ROADS.items():
        after, before = _weights(house, operator), sum(idle[road].values())
        growth = {kind: round(after[kind] - idle[road][kind], 1) for kind in after}
        since_first = sum(after.values()) / sum(warm[road].values()) - 1
        yield Cell(
            goal_name="G15",
            name=f"growth with {count} letters {road}",
            unit="%",
            ours=((sum(after.values()) / before - 1) * 100,),
            goal=Goal("ours", "less", _MOST_GROWTH),
            load=load,
            notes={
                "% since the first 8 letters": round(since_first * 100, 1),
                **{f"{kind} MB": value for kind, value in growth.items()},
            },
        )


def _weights(house: House, operator: Operator) -> dict[str, float]:
    return {kind: processes.pss_mb(house.pids(operator, kind)) for kind in house.kinds(operator)}


def _send(sender: Program, receiver: Program, *, count: int, size: int) -> None:
    """From one operator into the boxes of the other. Raises ``BrokenError`` when a letter is lost
    or lies there twice.
    """
    sender.ask("write", count=count, size=size, to=addresses(PRACTICE))
    receiver.ask("await_received", count=count, seconds=_SECONDS)  # It watches now.
    sent = sender.ask("send", threads=1)
    arrived = receiver.answer()
    if sent["errors"] or arrived["ended"] is None or set(sent["ids"]) != set(arrived["ids"]):
        raise BrokenError(f"{arrived['found']} letters came of {count}: {sent['errors']}")
    if arrived["twice"]:
        raise BrokenError(f"{len(arrived['twice'])} letters came twice")


def _large_in(house: House, receiver: Program) -> Iterator[Cell]:
    """By the fastest of sources, into the listener and on into the box."""
    watched = _Peaks(house, PRACTICE)
    receiver.ask("await_received", count=1, seconds=_SECONDS)
    errand = {
        "port": PRACTICE.smtp_port(house.port_base),
        "letters": 1,
        "size": _LARGE,
        "sender": addresses(HOSPITAL)[0],
        "recipients": addresses(PRACTICE)[:1],
        "tag": make_tag(),
        "ehlo": HOSPITAL.host,
        **house.identity(HOSPITAL),
    }
    run_program("source", errand)
    if receiver.answer()["ended"] is None:
        raise BrokenError("the large letter was not deposited")
    yield from watched.cells("35 MB in", [LISTENER, *house.workers(PRACTICE)])


def _large_out(house: House, sender: Program, receiver: Program) -> Iterator[Cell]:
    watched = _Peaks(house, HOSPITAL)
    _send(sender, receiver, count=1, size=_LARGE)
    yield from watched.cells("35 MB out", house.workers(HOSPITAL))


class _Peaks:
    """How far the resident memory of an operator's processes rises from here on."""

    def __init__(self, house: House, operator: Operator) -> None:
        self._load = processes.load()
        self._before: dict[str, dict[int, float]] = {}
        for kind in house.kinds(operator):
            pids = house.pids(operator, kind)
            for pid in pids:
                processes.reset_peak(pid)
            self._before[kind] = {pid: processes.rss_mb(pid) for pid in pids}

    def cells(self, name: str, kinds: list[str]) -> Iterator[Cell]:
        """The process that rose most, of each kind that had a part in it."""
        for kind in kinds:
            rises = [processes.peak_mb(pid) - rss for pid, rss in self._before[kind].items()]
            yield Cell(
                goal_name="memory",
                name=f"{name}, peak over idle: {kind}",
                unit="MB",
                ours=(max(rises),),
                goal=Goal("ours", "less", _MOST_FOR_LARGE),
                load=self._load,
            )
