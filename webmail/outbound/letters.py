"""A letter on the wire: its envelope, its bytes in pieces, and how far it has come.

Bytes and times only; it knows no socket, no reply and no row.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

# Bytes a second, on the whole: below it a peer holds a place for nothing.
_SLOWEST: Final = 10_000


def stuffed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A message for DATA, up to the final dot: a second dot before each that begins a line (RFC
    5321 §4.5.2), wherever the pieces are cut. The lines end in CRLF already: we wrote them.
    """
    before = b"\r\n"
    for piece in pieces:
        # What came last decides what a dot at the beginning is; it is not sent twice.
        yield (before + piece).replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = (before + piece)[-2:]
    if before != b"\r\n":
        yield b"\r\n"


@dataclass(frozen=True, slots=True)
class Letter:
    """One transaction: an envelope, and the message in pieces of any length (its lines end in
    CRLF). ``pieces`` may be asked for once more when a connection proves dead.
    """

    sender: str
    recipients: tuple[str, ...]
    size: int
    pieces: Callable[[], Iterable[bytes]]
    # Which reports the peer is asked for, and what it is to call the letter in them.
    notify: tuple[str, ...] = ()
    envelope_id: str = ""


@dataclass(slots=True)
class Progress:
    """How far a letter is: once its end may be out, the peer may have it."""

    before_dot: Callable[[], None]
    patience: float
    is_dot_out: bool = False
    sent: int = 0
    began: float = field(default_factory=time.monotonic)

    def note_sent(self, count: int) -> None:
        """Raises ``TimeoutError`` when the peer takes a letter by drops: each time-out starts
        anew with every drop, and the place would be held for hours.
        """
        self.sent += count
        if time.monotonic() - self.began > self.patience + self.sent / _SLOWEST:
            raise TimeoutError("the peer is too slow")

    def let_dot_out(self) -> None:
        self.before_dot()
        self.is_dot_out = True
