"""One message being received: what its peer sends is watched, counted and written as it comes.

Bytes go in; at the end there is a whole sealed file, or the one refusal that answers for it. It
knows no socket, no command and no mailbox.
"""

import logging
import time
from typing import Final

from django.conf import settings

from webmail.inbound import gate
from webmail.inbound.datascan import ChunkScanner, DataScanner
from webmail.inbound.files import SpoolFile
from webmail.inbound.gate import DISK, Reply

logger = logging.getLogger(__name__)

_LEAST_BYTES_A_SECOND: Final = 1000
_BARE: Final = Reply(554, "5.6.0", "bare CR or LF in message", "bare_line_end")


class Intake:
    """A refusal is kept until the end: RFC 5321 §4.2.5 wants one answer for DATA, and the rest has
    to be read in any case.
    """

    def __init__(self) -> None:
        self.file = SpoolFile()
        self.refusal: Reply | None = None
        self._head = bytearray()
        self._size = 0
        self._began = time.monotonic()
        self._data = DataScanner()
        self._chunks = ChunkScanner()

    @property
    def head(self) -> bytes:
        """The beginning of the message: its header and more."""
        return bytes(self._head)

    @property
    def size(self) -> int:
        """Bytes of the message so far, kept or refused."""
        return self._size

    def take_data(self, piece: bytes) -> bytes | None:
        """Bytes of DATA; once the final dot came, what the peer sent after it."""
        scanned = self._data.feed(piece)
        self._take(scanned.content, is_bare=self._data.has_bare_line_end)
        return scanned.rest if scanned.is_end else None

    def take_chunk(self, piece: bytes) -> None:
        """Bytes of BDAT. They are the message as it is."""
        self._chunks.feed(piece)
        self._take(piece, is_bare=False)

    def end_chunks(self) -> None:
        """The last chunk is in."""
        if self._chunks.has_bare_line_end:
            self.refusal = self.refusal or _BARE

    def is_too_slow(self) -> bool:
        """Each piece has the connection's own timer, and the whole a least pace: a peer that
        trickles holds its place no longer than its letter deserves.
        """
        allowed = settings.SMTP_IDLE_SECONDS + self._size / _LEAST_BYTES_A_SECOND
        return time.monotonic() - self._began > allowed

    def discard(self) -> None:
        self.file.discard()

    def _take(self, content: bytes, *, is_bare: bool) -> None:
        self._size += len(content)
        if len(self._head) < gate.HEADER_BYTES:
            self._head += content[: gate.HEADER_BYTES - len(self._head)]
        if self.refusal is None:
            self.refusal = self._write(content, is_bare=is_bare)

    def _write(self, content: bytes, *, is_bare: bool) -> Reply | None:
        if is_bare:
            # RFC 5321 §2.3.8. Anything but CR and LF together is how one message is made to look
            # like two.
            return _BARE
        if self._size > settings.MESSAGE_SIZE_LIMIT_IN:
            return gate.too_big().reply
        try:
            self.file.write(content)
        except OSError:
            logger.error("event=spool_write_failed")  # noqa: TRY400  (A trace may quote paths.)
            return DISK
        return None
