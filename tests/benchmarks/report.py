"""What was measured, for a person and for a program: a table of ratios, and ``report.json``.

It knows cells, and nothing of how they came.
"""

import json
import os
import platform
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from tests.benchmarks.measure import Cell
from tests.check.steps import ROOT

FOLDER = ROOT / "var" / "bench"
_HEADINGS = ("goal", "cell", "unit", "peer", "ours", "ratio", "wanted", "verdict", "load")


def write_report(cells: Sequence[Cell], *, broken: Sequence[str]) -> str:
    """Both forms below ``var/bench``; returns the table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    values = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {"processors": os.cpu_count(), "python": platform.python_version()},
        "cells": [_values(cell) for cell in cells],
        "broken": list(broken),
    }
    text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    (FOLDER / "report.json").write_text(text, encoding="utf-8")
    table = "\n".join([*_table(cells), *_notes(cells), *(f"BROKEN: {one}" for one in broken)])
    (FOLDER / "report.txt").write_text(table + "\n", encoding="utf-8")
    return table


def line_of(cell: Cell) -> str:
    """One cell in one line, for whoever watches."""
    ratio = f", {cell.ratio:.2f}x of {cell.peer_name}" if cell.ratio is not None else ""
    return (
        f"{cell.goal_name} {cell.name}: {_spread(cell.ours)} {cell.unit}{ratio}, "
        f"{_verdict(cell)} (load {cell.load:.1f})"
    )


def _values(cell: Cell) -> dict[str, Any]:
    return {
        "goal": cell.goal_name,
        "name": cell.name,
        "unit": cell.unit,
        "peer_name": cell.peer_name,
        "peer": list(cell.peer),
        "ours": list(cell.ours),
        "ratio": cell.ratio,
        "wanted": str(cell.goal or ""),
        "is_comparable": cell.is_comparable,
        "is_met": cell.is_met,
        "load": cell.load,
        "notes": cell.notes,
    }


def _table(cells: Sequence[Cell]) -> list[str]:
    rows = [_HEADINGS, *(_row(cell) for cell in cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * max(len(line) for line in lines), *lines[1:]]


def _row(cell: Cell) -> tuple[str, ...]:
    return (
        cell.goal_name,
        cell.name,
        cell.unit,
        f"{cell.peer_name} {_spread(cell.peer)}" if cell.peer else "",
        _spread(cell.ours),
        f"{cell.ratio:.2f}x" if cell.ratio is not None else "",
        str(cell.goal or ""),
        _verdict(cell),
        f"{cell.load:.1f}",
    )


def _spread(values: Sequence[float]) -> str:
    """The median, and the least and the most when there is more than one value."""
    if not values:
        return ""
    middle = f"{median(values):.4g}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.4g}-{max(values):.4g})"


def _verdict(cell: Cell) -> str:
    if not cell.is_comparable:
        return "not comparable"
    return {True: "met", False: "MISSED", None: ""}[cell.is_met]


def _notes(cells: Sequence[Cell]) -> list[str]:
    """What was counted beside the figure itself."""
    lines = [""]
    for cell in cells:
        if cell.notes:
            said = ", ".join(f"{name} {value}" for name, value in cell.notes.items())
            lines.append(f"{cell.goal_name} {cell.name}: {said}")
    return lines
