"""A check with a name: it runs, it takes a while, it passes or says why not. Knows no check."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent  # The virtual environment that runs us has the tools.
AT_ONCE = 2


class StepFailedError(Exception):
    """The check found something; the text is for the person who fixes it."""


@dataclass(frozen=True, slots=True)
class Step:
    """``run`` returns when all is well and raises ``StepFailedError`` otherwise."""

    name: str
    run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    seconds: float
    complaint: str = ""  # Empty: passed.

    @property
    def line(self) -> str:
        verdict = "FAILED" if self.complaint else "ok"
        return f"{verdict:<7}{self.seconds:6.1f} s  {self.name}"


def command(
    *words: str | Path, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> None:
    """Run a program to its end. Raises ``StepFailedError`` with what it said when it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StepFailedError(done.stdout.strip() or f"{words[0]} ended with {done.returncode}.")


def run_step(step: Step) -> Result:
    start = time.monotonic()
    complaint = ""
    try:
        step.run()
    except StepFailedError as error:
        complaint = str(error)
    return Result(step.name, time.monotonic() - start, complaint)


def run_steps(steps: Sequence[Step]) -> list[Result]:
    """All of them, two at a time; one line each as it ends, and the words of those that fail."""
    results = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for future in as_completed([pool.submit(run_step, step) for step in steps]):
            result = future.result()
            results.append(result)
            say(result.line)
            if result.complaint:
                say(result.complaint)
    return results


def say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201  (What the person at the terminal reads.)


def has_failed(results: Iterable[Result]) -> bool:
    return any(result.complaint for result in results)
