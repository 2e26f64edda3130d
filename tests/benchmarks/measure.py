"""Cells: one figure of ours beside the same of a peer, each the median of rounds taken in turn.

A figure is a rate or a time; a cell says what would be good, and whether the two can be compared
at all. It knows no mail and no process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from tests.benchmarks.processes import load

STEADY = 2.0  # A peer whose best is twice its worst is no yardstick.
Better = Literal["more", "less"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound of a ratio or of our own figure. ``less``: at most ``bound``, else at least."""

    of: Literal["ratio", "ours"]
    better: Better
    bound: float

    def __str__(self) -> str:
        sign = "≤" if self.better == "less" else "≥"
        return f"{sign} {self.bound:g}{'x' if self.of == 'ratio' else ''}"


@dataclass(frozen=True, slots=True)
class Cell:
    """``ratio`` is ours by the peer's; without a peer our figure stands alone."""

    goal_name: str
    name: str
    unit: str
    ours: Sequence[float]
    peer: Sequence[float] = ()
    peer_name: str = ""
    goal: Goal | None = None
    load: float = 0.0
    notes: dict[str, float | str] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return median(self.ours) / median(self.peer) if self.peer else None

    @property
    def is_comparable(self) -> bool:
        return not self.peer or max(self.peer) < STEADY * min(self.peer)

    @property
    def is_met(self) -> bool | None:
        """``None``: there is no goal, or the peer was too unsteady to tell."""
        if self.goal is None or not self.is_comparable:
            return None
        value = self.ratio if self.goal.of == "ratio" else median(self.ours)
        if value is None:
            return None
        return value <= self.goal.bound if self.goal.better == "less" else value >= self.goal.bound


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: the rounds of each cell, and the part of its letters that are sent."""

    rounds: int = 5
    share: float = 1.0

    def letters(self, number: int, *, least: int = 4) -> int:
        return max(least, round(number * self.share))


QUICK = Scale(rounds=1, share=0.05)


@dataclass(slots=True)
class Figures:
    """What the rounds of one side gave, and what each of them said beside it."""

    values: list[float] = field(default_factory=list)
    notes: dict[str, list[float]] = field(default_factory=dict)

    def add(self, value: float, **notes: float) -> None:
        self.values.append(value)
        for name, note in notes.items():
            self.notes.setdefault(name, []).append(note)


@dataclass(frozen=True, slots=True)
class Figure:
    value: float
    notes: dict[str, float] = field(default_factory=dict)


def alternate(
    scale: Scale, peer: Callable[[], Figure], ours: Callable[[], Figure]
) -> tuple[Figures, Figures, float]:
    """Both sides in turn, peer first; the load stated is that before the first round."""
    theirs, own = Figures(), Figures()
    before = load()
    for _ in range(scale.rounds):
        for side, measured in ((theirs, peer), (own, ours)):
            figure = measured()
            side.add(figure.value, **figure.notes)
    return theirs, own, before


def compared(
    goal_name: str,
    name: str,
    unit: str,
    *,
    scale: Scale,
    peer: Callable[[], Figure],
    ours: Callable[[], Figure],
    peer_name: str,
    goal: Goal | None = None,
) -> Cell:
    """A cell of alternating rounds; the notes of both sides become medians."""
    theirs, own, before = alternate(scale, peer, ours)
    notes: dict[str, float | str] = {}
    for prefix, side in (("peer", theirs), ("ours", own)):
        for key, values in side.notes.items():
            notes[f"{prefix} {key}"] = round(median(values), 3)
    return Cell(
        goal_name=goal_name,
        name=name,
        unit=unit,
        ours=tuple(own.values),
        peer=tuple(theirs.values),
        peer_name=peer_name,
        goal=goal,
        load=before,
        notes=notes,
    )
