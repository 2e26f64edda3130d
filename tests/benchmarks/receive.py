"""G1, receiving: the same source before Postfix and before our listener, both demanding the
certificate and both answering 250 only for what is on disk.

Postfix discards what it took; while ours is measured nothing is deposited, but for one cell.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.benchmarks import processes
from tests.benchmarks.house import LISTENER, House, addresses, running_house
from tests.benchmarks.letters import make_tag
from tests.benchmarks.measure import Cell, Figure, Goal, Scale, compared
from tests.benchmarks.postfixes import DISCARDED, discarding_postfix, log_of, pids_of
from tests.benchmarks.programs import BrokenError, run_program
from tests.check.services import private_postgres
from tests.peers.postfix import Postfix

_PEER = "Postfix"
_UNIT = "letters/s"
_SIZES = {"10 kB": (10_000, 600), "100 kB": (100_000, 240), "1 MB": (1_000_000, 60)}
_GOALS = {"10 kB": 0.8, "100 kB": 1.0, "1 MB": 1.0}
_WORDS = {"offered": "BDAT", "plain": "plain DATA"}
_DEPOSIT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Load:
    """What the source sends in one round."""

    size: int
    letters: int
    dialogue: str
    is_kept: bool = True
    connections: int = 4


def measure(scale: Scale) -> Iterator[Cell]:
    with running_house() as house, discarding_postfix(house.space, HOSPITAL) as postfix:
        house.start(HOSPITAL, LISTENER)
        for label, (size, letters) in _SIZES.items():
            for dialogue, words in _WORDS.items():
                load = Load(size, scale.letters(letters), dialogue)
                name = f"{label}, 4 connections, {words}"
                goal = Goal("ratio", "more", _GOALS[label])
                yield _cell(name, house, postfix, load=load, scale=scale, goal=goal)
        for dialogue, words in _WORDS.items():
            load = Load(10_000, scale.letters(150), dialogue, is_kept=False)
            name = f"10 kB, a connection each, {words}"
            goal = Goal("ratio", "more", 1.0)
            yield _cell(name, house, postfix, load=load, scale=scale, goal=goal)
        house.start(HOSPITAL, *house.workers(HOSPITAL))
        _wait_until_deposited(house)
        load = Load(10_000, scale.letters(600), "offered")
        name = "10 kB, 4 connections, BDAT, while depositing"
        yield _cell(name, house, postfix, load=load, scale=scale, goal=None)
        house.stop(HOSPITAL, LISTENER, *house.workers(HOSPITAL))
    yield from _on_postgres(scale)


def _on_postgres(scale: Scale) -> Iterator[Cell]:
    with private_postgres(is_durable=True) as server:
        databases = {HOSPITAL.key: server.url("postgres")}
        with (
            running_house(databases=databases) as house,
            discarding_postfix(house.space, HOSPITAL) as postfix,
        ):
            house.start(HOSPITAL, LISTENER)
            load = Load(10_000, scale.letters(600), "offered")
            name = "10 kB, 4 connections, BDAT, PostgreSQL"
            goal = Goal("ratio", "more", _GOALS["10 kB"])
            yield _cell(name, house, postfix, load=load, scale=scale, goal=goal)
            house.stop(HOSPITAL, LISTENER)


def _cell(
    name: str, house: House, postfix: Postfix, *, load: Load, scale: Scale, goal: Goal | None
) -> Cell:
    port = HOSPITAL.smtp_port(house.port_base)

    is_depositing = any(kind in house.running(HOSPITAL) for kind in house.workers(HOSPITAL))

    def peer() -> Figure:
        log = log_of(postfix)
        figure = _round(house, postfix.port, load, lambda: pids_of(postfix))
        log.wait(lambda counts: counts[DISCARDED] >= load.letters)
        return figure

    def ours() -> Figure:
        with house.inside(HOSPITAL) as inside:
            figure = _round(house, port, load, lambda: house.pids(HOSPITAL, LISTENER))
            rows = inside.ask("count_spooled", seconds=figure.notes["seconds"] + 1)["spooled"]
        if rows < load.letters:
            raise BrokenError(f"{load.letters} letters were taken, {rows} are in the spool")
        if is_depositing:
            # What is left to do is not the peer's to pay for.
            _wait_until_deposited(house)
        return figure

    # What both do only once (files read, connections to a database opened) is done before.
    warm = Load(load.size, 8, load.dialogue, is_kept=load.is_kept)
    _round(house, postfix.port, warm, list)
    _round(house, port, warm, list)
    return compared(
        "G1", name, _UNIT, scale=scale, peer=peer, ours=ours, peer_name=_PEER, goal=goal
    )


def _round(house: House, port: int, load: Load, pids: Callable[[], list[int]]) -> Figure:
    """``pids``: of the side that is measured, whose processes come and go."""
    before = processes.cpu_seconds(pids())
    errand = {
        "port": port,
        "letters": load.letters,
        "size": load.size,
        "sender": addresses(PRACTICE)[0],
        "recipients": addresses(HOSPITAL),
        "tag": make_tag(),
        "connections": load.connections,
        "is_kept": load.is_kept,
        "dialogue": load.dialogue,
        "ehlo": PRACTICE.host,
        **house.identity(PRACTICE),
    }
    done = run_program("source", errand)
    seconds = done["ended"] - done["began"]
    cpu = (processes.cpu_seconds(pids()) - before) * 1000 / load.letters
    notes = {"CPU ms/letter": cpu, "latency ms": done["latency_ms"], "seconds": seconds}
    return Figure(done["letters"] / seconds, notes)


def _wait_until_deposited(house: House) -> None:
    with house.inside(HOSPITAL) as inside:
        left = inside.ask("await_spool_empty", seconds=_DEPOSIT_SECONDS)["left"]
    if left:
        raise BrokenError(f"{left} letters were never deposited")
