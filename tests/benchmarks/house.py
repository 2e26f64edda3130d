"""The two operators of the demonstration as ``make run`` starts them, in a folder and on ports of
their own: all of their processes, or only those a benchmark wants.

Commands and preparation are the demonstration's own; this file knows operators and processes, no
mail.
"""

import contextlib
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mssante.demo import supervisor
from mssante.demo.operators import HOSPITAL, OPERATORS, PRACTICE, SILENT_OFFSET, Operator
from mssante.demo.people import boxes_of
from mssante.demo.pki import ToySpace
from mssante.demo.processes import Child, DemoError, check_ports, stop_all
from tests.benchmarks import processes
from tests.benchmarks.programs import LOGS, BrokenError, Program, running_program
from tests.benchmarks.report import FOLDER
from tests.check.steps import ROOT

WEB, LISTENER = "web", "smtp"
SETTINGS = "tests.benchmarks.settings"
_TRIES = 20


@dataclass
class House:
    """Two prepared operators. What was started ends with the block of ``running_house``."""

    folder: Path
    port_base: int
    space: ToySpace
    environment: dict[str, str]
    databases: Mapping[str, str]  # By the operator's key; SQLite where none is named.
    children: dict[str, Child] = field(default_factory=dict)

    def environment_of(self, operator: Operator) -> dict[str, str]:
        return {
            **supervisor._environment(self.folder, operator, self.port_base),
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "BENCH_DATABASE_URL": self.databases.get(operator.key, ""),
            **self.environment,
        }

    def kinds(self, operator: Operator) -> list[str]:
        """What processes an operator has, by the demonstration's own list."""
        return [child.name.partition(" ")[2] for child in self._all(operator)]

    def workers(self, operator: Operator) -> list[str]:
        return [kind for kind in self.kinds(operator) if kind not in {WEB, LISTENER}]

    def running(self, operator: Operator) -> list[str]:
        names = (name.partition(" ") for name in self.children)
        return [kind for key, _, kind in names if key == operator.key]

    def start(self, operator: Operator, *kinds: str, **variables: str) -> None:
        """Start processes and wait until each answers. Raises ``BrokenError``."""
        started = []
        for child in self._all(operator):
            if child.name.partition(" ")[2] in kinds:
                child.environment = {**self.environment_of(operator), **variables}
                self.children[child.name] = child
                started.append(child)
        try:
            supervisor._start(started, self.port_base)
        except DemoError as error:
            raise BrokenError(str(error)) from None

    def stop(self, operator: Operator, *kinds: str) -> None:
        """Raises ``BrokenError`` when one had died before."""
        children = [self.children.pop(f"{operator.key} {kind}") for kind in kinds]
        dead = [child.name for child in children if not child.is_alive()]
        stop_all(children)
        if dead:
            raise BrokenError(f"{', '.join(dead)} died")

    def pids(self, operator: Operator, *kinds: str) -> list[int]:
        """The processes of these kinds and all that they started."""
        leaders = [self.children[f"{operator.key} {kind}"].process for kind in kinds]
        return [pid for one in leaders if one for pid in processes.in_session(one.pid)]

    @contextlib.contextmanager
    def inside(self, operator: Operator) -> Iterator[Program]:
        """A process with the operator's own settings that does as it is told."""
        with running_program("inside", environment=self.environment_of(operator)) as program:
            yield program

    def identity(self, operator: Operator) -> dict[str, str]:
        """How the operator shows itself, for programs that speak in its name."""
        folder = self.space.root / "operators" / operator.key
        return {
            "certificate": str(folder / "cert.pem"),
            "key": str(folder / "key.pem"),
            "anchors": str(self.space.root / "ca.pem"),
        }

    def _all(self, operator: Operator) -> list[Child]:
        return supervisor._children(self.folder, operator, self.port_base)


def addresses(operator: Operator) -> list[str]:
    return [box.address(operator) for box in boxes_of(operator)]


@contextlib.contextmanager
def running_house(
    *, databases: Mapping[str, str] | None = None, broker_url: str = "", **values: Any
) -> Iterator[House]:
    """Prepared operators, nothing started yet. ``databases`` are addresses by operator's key,
    ``values`` settings that differ from the demonstration's. Nothing is left when the block ends.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="house-", dir=FOLDER))
    environment = {"BENCH_VALUES": json.dumps(values), "BENCH_BROKER_URL": broker_url}
    try:
        port_base = _free_base()
        space = supervisor._prepare(folder, port_base)
        house = House(folder, port_base, space, environment, databases or {})
        for operator in OPERATORS:
            if operator.key in house.databases:
                _prepare_again(house, operator)
        try:
            yield house
        except BrokenError as error:
            dead = [child.name for child in house.children.values() if not child.is_alive()]
            raise BrokenError(f"{error}; dead: {', '.join(dead) or 'nobody'}") from None
        finally:
            stop_all(list(house.children.values()))
    except DemoError as error:
        raise BrokenError(str(error)) from None
    finally:
        _keep_logs(folder)
        shutil.rmtree(folder)


def _keep_logs(folder: Path) -> None:
    """What the processes of the last house said, for whoever asks why something broke."""
    for operator in OPERATORS:
        said = folder / operator.key / "logs"
        if said.exists():
            shutil.copytree(said, LOGS / operator.key, dirs_exist_ok=True)


def _prepare_again(house: House, operator: Operator) -> None:
    """The operator's tables and people anew, in the database its settings name now."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "prepare_demo"],
        env=house.environment_of(operator),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BrokenError(f"preparation failed: {done.stderr.strip().splitlines()[-1:]}")


def _free_base() -> int:
    """A base whose ports are all free. Below those that the system hands out by itself."""
    for _ in range(_TRIES):
        base = 10_000 + 50 * secrets.randbelow(420)
        if _is_free(base, _offsets()):
            return base
    raise BrokenError("no free ports")


def _offsets() -> Sequence[int]:
    taken = [offset for one in OPERATORS for offset in (one.web_offset, one.smtp_offset)]
    return (*taken, SILENT_OFFSET)


def _is_free(base: int, offsets: Sequence[int]) -> bool:
    try:
        check_ports([base + offset for offset in offsets], base)
    except DemoError:
        return False
    return True


__all__ = [
    "HOSPITAL",
    "LISTENER",
    "PRACTICE",
    "WEB",
    "House",
    "addresses",
    "running_house",
]
