"""The bytes of DATA and BDAT, piece by piece: finds the end, undoes dot-stuffing, sees bare CR and
LF. It knows no socket.
"""

from dataclasses import dataclass
from typing import Final

_END: Final = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Scanned:
    content: bytes
    is_end: bool
    rest: bytes  # What the peer sent after the end: the next command of a pipeline.


class DataScanner:
    """RFC 5321 §4.1.1.4 and §4.5.2, over chunks of any size.

    Only ``CRLF.CRLF`` ends a message. A lone CR or LF sets ``has_bare_line_end``: peers that read
    it otherwise could be made to see two messages where we see one, so such a message is refused.
    """

    def __init__(self) -> None:
        # The line before the first one ends in a CRLF that is not part of the message.
        self._buffer = bytearray(b"\r\n")
        self._is_first = True
        self.has_bare_line_end = False

    def feed(self, chunk: bytes) -> Scanned:
        self._buffer += chunk
        end = self._buffer.find(_END)
        if end >= 0:
            raw, rest = bytes(self._buffer[: end + 2]), bytes(self._buffer[end + len(_END) :])
            self._buffer.clear()
            return Scanned(self._clean(raw), is_end=True, rest=rest)
        cut = self._safe_cut()
        raw = bytes(self._buffer[:cut])
        del self._buffer[:cut]
        return Scanned(self._clean(raw), is_end=False, rest=b"")

    def _safe_cut(self) -> int:
        """How much may leave: never part of a possible end, and never a line end without what
        follows it. Bounded: however many empty lines come, only a few bytes wait.
        """
        cut = max(len(self._buffer) - len(_END) + 1, 0)
        # No line end is cut in two, and a dot stays with the line end that it is stuffed after.
        while cut and (
            self._buffer[cut - 1 : cut + 1] == b"\r\n"
            or self._buffer[max(cut - 2, 0) : cut + 1] == b"\r\n."
        ):
            cut -= 1
        return cut

    def _clean(self, raw: bytes) -> bytes:
        if not raw:
            return b""
        if _has_bare_line_end(raw):
            self.has_bare_line_end = True
        content = raw.replace(b"\r\n.", b"\r\n")
        if self._is_first:
            self._is_first = False
            content = content[2:]
        return content


class ChunkScanner:
    """The same watch over BDAT (RFC 3030 §3), whose pieces are the message itself: nothing is
    stuffed, and a count says where each ends.
    """

    def __init__(self) -> None:
        self._is_after_return = False
        self._has_bare_line_end = False

    def feed(self, chunk: bytes) -> None:
        if not chunk:
            return
        # A CR at the end of a piece is judged with what follows it.
        whole = b"\r" + chunk if self._is_after_return else chunk
        self._is_after_return = whole.endswith(b"\r")
        if _has_bare_line_end(whole[:-1] if self._is_after_return else whole):
            self._has_bare_line_end = True

    @property
    def has_bare_line_end(self) -> bool:
        """Of all that came so far, as if it were all."""
        return self._has_bare_line_end or self._is_after_return


def _has_bare_line_end(raw: bytes) -> bool:
    # RFC 5321 §2.3.8: CR and LF only together.
    pairs = raw.count(b"\r\n")
    return raw.count(b"\n") != pairs or raw.count(b"\r") != pairs
