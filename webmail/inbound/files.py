"""A message on its way in: in encrypted frames under a key of its own, in a file of the spool, or,
when it is small, in memory until its row is written. Bytes in, bytes out.

It knows no mailbox and no peer.
"""

import contextlib
import io
import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from accounts.keyring import new_key, unwrap_key, wrap_key
from webmail.models import InboundMessage
from webmail.store.files import sync_folder
from webmail.store.frames import FrameEncoder, decode_frames


class SpoolFile:
    """A message being received. ``seal`` makes it ready for its row, and durable when it is a file;
    ``discard`` leaves nothing behind.
    """

    def __init__(self) -> None:
        self.name = secrets.token_hex(16)
        key = new_key()
        self.wrapped_key = wrap_key(key, self.name.encode())
        # Not compressed: a message stays here for moments, and mail is mostly base64 of what is
        # compressed already.
        self._encoder = FrameEncoder(key, self.name.encode(), compress=False)
        self._file: BinaryIO | None = None
        self.content = b""  # The frames of a small message, once sealed.
        self.may_be_held = False  # A commit of its row was tried.
        self._is_sealed = False

    @property
    def size(self) -> int:
        return self._encoder.size

    @property
    def is_file(self) -> bool:
        return self._file is not None

    def write(self, piece: bytes) -> None:
        """Raises ``OSError`` when the disk is full or broken; the caller discards, answers 4xx."""
        if frames := self._encoder.add(piece):
            self._opened().write(frames)

    def seal(self) -> None:
        """The file's bytes are on disk when this returns; any ``OSError`` means they may not be.
        Its name is durable after ``sync_names``. Sealing twice does nothing.
        """
        if self._is_sealed:
            return
        frames = self._encoder.finish()
        if self._file is None and self.size <= settings.INLINE_BYTES:
            self.content = self._encoder.header() + frames
        else:
            file = self._opened()
            file.write(frames)
            file.flush()
            os.fsync(file.fileno())
            file.close()
        self._is_sealed = True

    def discard(self) -> None:
        if self._file is None:
            return
        # Closing writes what is buffered; on a full disk that fails once more, and it is thrown
        # away anyway.
        with contextlib.suppress(OSError):
            self._file.close()
        remove_spool_file(self.name)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            Path(settings.SPOOL_DIR).mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(_path(self.name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(descriptor, "wb")
            self._file.write(self._encoder.header())
        return self._file


def sync_names() -> None:
    """The names of all sealed files are on disk when this returns: one sync for as many as there
    are. Raises ``OSError`` when they may not be.
    """
    sync_folder(Path(settings.SPOOL_DIR))


def read_spooled(inbound: InboundMessage) -> bytes:
    whole = io.BytesIO()  # Unlike a join it never holds a large message twice.
    for piece in iter_spooled(inbound):
        whole.write(piece)
    return whole.getvalue()


def iter_spooled(inbound: InboundMessage) -> Iterator[bytes]:
    """The message as the peer sent it. Raises ``DamagedContentError`` or ``OSError`` when it cannot
    be read back whole.
    """
    context = inbound.name.encode()
    key = unwrap_key(bytes(inbound.wrapped_key), context)
    if inbound.content:
        yield from decode_frames(io.BytesIO(inbound.content), key, context)
        return
    with _path(inbound.name).open("rb") as file:
        yield from decode_frames(file, key, context)


def remove_spool_file(name: str) -> None:
    _path(name).unlink(missing_ok=True)


def spool_files_before(moment: datetime) -> list[str]:
    """Names of the files last written before ``moment``."""
    folder = Path(settings.SPOOL_DIR)
    if not folder.exists():
        return []
    return [one.name for one in folder.iterdir() if one.stat().st_mtime < moment.timestamp()]


def _path(name: str) -> Path:
    return Path(settings.SPOOL_DIR) / name
