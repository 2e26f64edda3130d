"""G13, the nudge: how long after «send» was committed the first byte of the letter is said.

An idle operator, one letter at a time, a sink in the other operator's place. With the file bell of
the embedded default and with Redis; on a line that is kept, and with none.
"""

import json
import secrets
import time
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.benchmarks import processes
from tests.benchmarks.house import addresses, running_house
from tests.benchmarks.measure import Cell, Goal, Scale
from tests.benchmarks.programs import BrokenError, running_program
from tests.check.services import private_redis

_SAMPLES = 40
_FILES = {"p50": 150.0, "p95": 500.0}
_REDIS = {"p50": 30.0}
_EARLY_MS = -5.0  # Two processes read one clock; before the commit nothing can be said.


def measure(scale: Scale) -> Iterator[Cell]:
    yield from _bell("file bell", _FILES, scale)
    with private_redis() as redis:
        yield from _bell("Redis", _REDIS, scale, broker_url=redis.url())


def _bell(
    name: str, bounds: dict[str, float], scale: Scale, *, broker_url: str = ""
) -> Iterator[Cell]:
    for line, values in (("kept line", {}), ("new line", {"LINE_IDLE_SECONDS": 0})):
        before = processes.load()
        delays = _delays(
            scale.letters(_SAMPLES), is_kept=not values, broker_url=broker_url, values=values
        )
        yield from _cells(f"{name}, {line}", delays, bounds, before)


def _delays(count: int, *, is_kept: bool, broker_url: str, values: dict[str, Any]) -> list[float]:
    """Milliseconds, one for each letter, at moments that fall in with nothing."""
    with running_house(broker_url=broker_url, **values) as house:
        setting = {
            "port": PRACTICE.smtp_port(house.port_base),
            "is_noting": True,
            **house.identity(PRACTICE),
        }
        with (
            running_program("sink", json.dumps(setting)) as sink,
            house.inside(HOSPITAL) as inside,
        ):
            house.start(HOSPITAL, *house.workers(HOSPITAL))
            inside.ask("write", count=count + 1, size=10_000, to=addresses(PRACTICE))
            delays = []
            for _ in range(count + 1):
                time.sleep(0.3 + secrets.randbelow(1000) / 1000)
                committed = inside.ask("send_one")["committed"]
                noted = sink.answer()
                # A line that was lost for once belongs to the other kind.
                if noted["is_first"] != is_kept:
                    delays.append((noted["first_at"] - committed) * 1000)
            house.stop(HOSPITAL, *house.workers(HOSPITAL))
    if len(delays) < count // 2:
        raise BrokenError("lines were not as they should be")
    if min(delays) < _EARLY_MS:
        raise BrokenError("a letter left before it was committed")
    return delays


def _cells(name: str, delays: list[float], bounds: dict[str, float], load: float) -> Iterator[Cell]:
    figures = {"p50": median(delays), "p95": quantiles(delays, n=20)[-1]}
    for what, value in figures.items():
        bound = bounds.get(what)
        yield Cell(
            goal_name="G13",
            name=f"{name}, {what}",
            unit="ms",
            ours=(value,),
            goal=Goal("ours", "less", bound) if bound else None,
            load=load,
            notes={"samples": float(len(delays)), "most": round(max(delays), 1)},
        )
