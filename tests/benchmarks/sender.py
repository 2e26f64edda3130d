"""G4, sending: our conversation beside the standard library's, before the same sink.

Both keep their connections and their TLS context, neither waits for Nagle; what differs is how a
letter is written.
"""

import json
from collections.abc import Iterator

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.benchmarks.house import running_house
from tests.benchmarks.letters import make_tag
from tests.benchmarks.measure import Cell, Figure, Goal, Scale, compared
from tests.benchmarks.programs import run_program, running_program
from tests.check.services import free_port

_PEER = "smtplib"
_SIZES = {
    "10 kB": (10_000, 4000, 2.0),
    "100 kB": (100_000, 1000, None),
    "1 MB": (1_000_000, 200, 4.0),
}
_MOST_CPU = 3.0  # Milliseconds a megabyte.


def measure(scale: Scale) -> Iterator[Cell]:
    with running_house() as house:
        setting = {"port": free_port(), **house.identity(PRACTICE)}
        with running_program("sink", json.dumps(setting)):
            for label, (size, letters, bound) in _SIZES.items():
                goal = Goal("ratio", "more", bound) if bound else None
                for connections in (1, 4):
                    errand = {
                        "port": setting["port"],
                        "size": size,
                        "letters": scale.letters(letters, least=8),
                        "connections": connections,
                        **house.identity(HOSPITAL),
                    }
                    name = f"{label}, {connections} connection{'s' if connections > 1 else ''}"
                    cell = _cell(name, errand, scale, goal)
                    yield cell
                    if label == "1 MB" and connections == 1:
                        yield _cpu(cell)


def _cell(name: str, errand: dict[str, object], scale: Scale, goal: Goal | None) -> Cell:
    def side(who: str) -> Figure:
        done = run_program("sending", {**errand, "who": who, "tag": make_tag()})
        return Figure(done["rate"], {"CPU ms/MB": done["cpu_ms_per_mb"]})

    return compared(
        "G4",
        name,
        "letters/s",
        scale=scale,
        peer=lambda: side("smtplib"),
        ours=lambda: side("ours"),
        peer_name=_PEER,
        goal=goal,
    )


def _cpu(cell: Cell) -> Cell:
    """What a megabyte costs the sender, from the same rounds."""
    return Cell(
        goal_name=cell.goal_name,
        name=f"{cell.name}, processor",
        unit="ms/MB",
        ours=(float(cell.notes["ours CPU ms/MB"]),),
        peer=(float(cell.notes["peer CPU ms/MB"]),),
        peer_name=cell.peer_name,
        goal=Goal("ours", "less", _MOST_CPU),
        load=cell.load,
    )
