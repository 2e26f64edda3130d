"""What a peer answers: a code, an enhanced code, its own words, and whether that ends a command.

Text in, values or a ``TransportError`` out; it knows no socket.
"""

import io
import time
from dataclasses import dataclass

# Unfolds into one line what a peer answered, however long, for the operator's eyes.
_LONGEST_ANSWER = 1000
_ENHANCED_PARTS = 3
_LONGEST_REPLY = 64 * 1024
OUR_OWN = "internal"  # The reason of what is out of order with us.


@dataclass(frozen=True, slots=True)
class PeerReply:
    """A peer's answer: code (0 for nonsense), enhanced code (RFC 3463) when it gave one, and its
    own words.
    """

    code: int
    enhanced: str
    text: str

    @property
    def is_ok(self) -> bool:
        return 200 <= self.code < 300  # noqa: PLR2004

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code < 600  # noqa: PLR2004


class TransportError(Exception):
    """The conversation failed for every recipient. ``permanent`` is decided here, next to the
    protocol.

    ``after_dot``: the letter had left completely when it failed, so the peer may have it.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        reply: PeerReply | None = None,
        after_dot: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.reply = reply
        self.after_dot = after_dot


def parse_reply(code: int, text: bytes) -> PeerReply:
    if not 100 <= code <= 999:  # noqa: PLR2004  (RFC 5321 §4.2: three digits, or no code at all.)
        code = 0
    shown = (char if char.isprintable() else " " for char in text.decode("ascii", "replace"))
    line = " ".join("".join(shown).split())[:_LONGEST_ANSWER]
    first, _, rest = line.partition(" ")
    parts = first.split(".")
    if len(parts) == _ENHANCED_PARTS and all(part.isdigit() for part in parts):
        return PeerReply(code, first, rest)
    return PeerReply(code, "", line)


def checked(answer: PeerReply, *, after_dot: bool = False) -> PeerReply:
    """The answer, if it is one that ends a command. Raises ``TransportError`` otherwise."""
    if answer.code == 421:  # noqa: PLR2004  (RFC 5321 §3.8: the peer is closing, and took nothing.)
        raise TransportError("peer_closing", reply=answer)
    if answer.is_ok or 400 <= answer.code < 600:  # noqa: PLR2004
        return answer
    raise TransportError("protocol", reply=answer, after_dot=after_dot)


def refusal(answer: PeerReply) -> PeerReply:
    """An answer that stands where a go-ahead should: a 2xx accepts nothing, since nothing was
    sent yet.
    """
    if answer.is_ok:
        raise TransportError("protocol", reply=answer)
    return checked(answer)


class ReplyReader:
    """The peer's lines, as long as the reply they make up is bounded: in its length, and in the
    time it takes on the whole. A time-out of the socket starts anew with every byte.
    """

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._left = 0
        self._deadline = 0.0

    def expect_reply(self, *, within: float) -> None:
        """A new reply begins."""
        self._left = _LONGEST_REPLY
        self._deadline = time.monotonic() + within

    def readline(self, limit: int) -> bytes:
        """A line, or what there is of it when the peer hangs up. Raises ``TimeoutError``."""
        line = b""
        while not line.endswith(b"\n") and len(line) < limit:
            if time.monotonic() > self._deadline:
                raise TimeoutError("the reply takes too long")
            # One look at the socket at most, and what it gave is taken up to the end of the line.
            ready = self._file.peek(1)
            if not ready:
                break
            end = ready.find(b"\n") + 1 or len(ready)
            line += self._file.read(min(end, limit - len(line)))
        self._left -= len(line)
        # A line as long as the limit is what smtplib refuses: it then closes the connection.
        return line if self._left >= 0 else b"x" * limit

    def close(self) -> None:
        self._file.close()
