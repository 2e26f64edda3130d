"""Programs of the benchmark as processes: a source that runs to its end, a sink that runs as long
as it is needed. They get JSON and answer in JSON; this file knows no mail.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tests.check.services import die_with_parent
from tests.check.steps import ROOT

LOGS = ROOT / "var" / "bench" / "logs"


class BrokenError(Exception):
    """Something did not do its work: a letter is lost, a process died. The only thing that makes a
    benchmark fail.
    """


def run_program(name: str, errand: Mapping[str, Any], *, timeout: float = 900) -> dict[str, Any]:
    """What ``python -m tests.benchmarks.<name>`` says. Raises ``BrokenError`` when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}", json.dumps(dict(errand))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise BrokenError(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextlib.contextmanager
def running_program(
    name: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator["Program"]:
    """``python -m tests.benchmarks.<name>`` once it said that it is ready; ended with the block."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  (One prctl call.)
        )
    program = Program(name, process)
    try:
        program.read_ready()
        yield program
    finally:
        process.kill()
        process.communicate()


class Program:
    """One that goes on: a line of JSON in, a line of JSON out."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self._name = name
        self._process = process

    def read_ready(self) -> None:
        if self._line().strip() != "ready":
            raise BrokenError(f"{self._name} did not start")

    def ask(self, verb: str, **values: Any) -> Any:
        self.tell(verb, **values)
        return self.answer()

    def tell(self, verb: str, **values: Any) -> None:
        """Without waiting for the answer, which ``answer`` then gives."""
        if self._process.stdin is None:
            raise BrokenError(f"{self._name} has no ears")
        self._process.stdin.write(json.dumps({"verb": verb, **values}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Raises ``BrokenError`` when the program died."""
        return json.loads(self._line())

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise BrokenError(f"{self._name} stopped by itself; its words are in {LOGS}")
        return line
