"""What a letter of the demonstration is before it is bytes or rows: keys, words and moments.

Texts are French, as people here read them; correspondents are keys of ``people.address_book``. It
knows no table and no clock: moments count backwards from whenever the history is told.
"""

import re
import textwrap
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, Literal

from mssante.demo.papers import Paper

Outcome = Literal["delivered", "accepted", "read", "mailbox_full"]

_BEFORE_SIGN: Final = re.compile(r" (?=[:;?!»%])")
_INSIDE_FIGURE: Final = re.compile(
    r"(?<=\d) (?=\d{3}\b|(?:[nµm]?g|kg|ml|fl|[mµp]mol|mm|m/s|cm²|W|h|ans|jours)\b)"
)
_AFTER_QUOTE: Final = re.compile(r"(?<=«) ")
_NO_BREAK: Final = "\u00a0"
_OWN_LINE: Final = ("- ", "| ")


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter from one box to others. ``clock`` is a time of day, or, with no ``days_ago``, how
    long before now: so the history ends an hour ago whatever the hour, and in the told order.
    """

    key: str
    author: str
    to: tuple[str, ...]
    days_ago: int
    clock: str
    text: str
    subject: str = ""  # Empty for an answer: the first letter's, with «Re:».
    cc: tuple[str, ...] = ()
    html: str = ""  # A page's body; such a letter comes from another maker's software.
    papers: tuple[Paper, ...] = ()
    answers: str = ""
    unread_by: tuple[str, ...] = ()
    archived_by: tuple[str, ...] = ()
    outcome: Outcome = "delivered"


@dataclass(frozen=True, slots=True)
class DraftLetter:
    """A letter not finished yet; ``writer`` is a login, and need not be the box's holder."""

    box: str
    writer: str
    to: tuple[str, ...]
    clock: str  # How long before now it was saved.
    subject: str
    text: str
    papers: tuple[Paper, ...] = ()
    answers: str = ""


def moment_of(days_ago: int, clock: str, *, now: datetime) -> datetime:
    """When it was written; ``now`` must carry the zone its readers live in."""
    hours, minutes = (int(part) for part in clock.split(":"))
    if days_ago == 0:
        return now - timedelta(hours=hours, minutes=minutes)
    day = (now - timedelta(days=days_ago)).date()
    return datetime.combine(day, time(hours, minutes), tzinfo=now.tzinfo)


def prose(text: str) -> str:
    """Paragraphs as the writer's screen has them: lines of the source joined, French spaces kept.

    A line that begins with a dash or a bar stands alone; the bar is not printed.
    """
    paragraphs = textwrap.dedent(text).strip().split("\n\n")
    joined = "\n\n".join(_unwrap(paragraph) for paragraph in paragraphs)
    for gap in (_BEFORE_SIGN, _INSIDE_FIGURE, _AFTER_QUOTE):
        joined = gap.sub(_NO_BREAK, joined)
    return joined


def paragraphs(text: str) -> tuple[str, ...]:
    return tuple(prose(text).split("\n\n"))


def _unwrap(paragraph: str) -> str:
    lines: list[str] = []
    for line in paragraph.splitlines():
        if lines and not line.startswith(_OWN_LINE):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line.removeprefix("| "))
    return "\n".join(lines)
