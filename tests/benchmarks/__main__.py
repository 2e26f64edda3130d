"""``python -m tests.benchmarks [--quick] [names]``: measure, say, write ``var/bench``.

The exit status tells whether something broke, never whether something was slow.
"""

import argparse
import importlib
import signal
import sys
from collections.abc import Iterator

from tests.benchmarks.measure import QUICK, Cell, Scale
from tests.benchmarks.programs import BrokenError
from tests.benchmarks.report import line_of, write_report
from tests.check.steps import say

BENCHMARKS = {
    "receive": "G1: letters into the listener, beside Postfix",
    "end_to_end": "G2: letters from send to inbox, beside a pair of Postfix",
    "handshakes": "G3: a backlog on kept lines, beside a line for each letter",
    "sender": "G4: letters out of our conversation, beside smtplib",
    "nudge": "G13: from the commit of «send» to the first byte at the peer",
    "footprint": "G15: memory, idle, after many letters and under a large one",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="one short round: does it work?")
    parser.add_argument("--rounds", type=int, default=Scale().rounds)
    options = parser.parse_args()
    # Told to end, it ends what it started; that Postfix would otherwise outlive it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    scale = QUICK if options.quick else Scale(rounds=options.rounds)
    cells: list[Cell] = []
    broken: list[str] = []
    for name in options.names or BENCHMARKS:
        say("", f"== {name}: {BENCHMARKS[name]}")
        try:
            for cell in _measure(name, scale):
                cells.append(cell)
                say(line_of(cell))
        except BrokenError as error:
            broken.append(f"{name}: {error}")
            say(broken[-1])
    say("", write_report(cells, broken=broken))
    return 1 if broken else 0


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _measure(name: str, scale: Scale) -> Iterator[Cell]:
    # Only what is asked for is loaded: each brings servers of its own.
    module = importlib.import_module(f"tests.benchmarks.{name}")
    cells: Iterator[Cell] = module.measure(scale)
    return cells


if __name__ == "__main__":
    sys.exit(main())
