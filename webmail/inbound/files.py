"""Files of the spool: a message in encrypted frames under a key of its own, on disk before anyone
is told. Bytes in, bytes out.

It knows no row, no mailbox and no peer.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings

from accounts.keyring import new_key, unwrap_key, wrap_key
from webmail.store.files import sync_folder
from webmail.store.frames import FrameEncoder, decode_frames


def _path(name: str) -> Path:
    return Path(settings.SPOOL_DIR) / name


class SpoolFile:
    """A message being received. ``seal`` makes it durable; ``discard`` leaves nothing behind."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(16)
        key = new_key()
        self.wrapped_key = wrap_key(key, self.name.encode())
        Path(settings.SPOOL_DIR).mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(_path(self.name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        # Not compressed: a message stays here for moments, and mail is mostly base64 of what is
        # compressed already.
        self._encoder = FrameEncoder(key, self.name.encode(), compress=False)
        self._file.write(self._encoder.header())

    @property
    def size(self) -> int:
        return self._encoder.size

    def write(self, piece: bytes) -> None:
        """Raises ``OSError`` when the disk is full or broken; the caller discards, answers 4xx."""
        if frames := self._encoder.add(piece):
            self._file.write(frames)

    def seal(self) -> None:
        """File and folder are on disk when this returns; any ``OSError`` means they may not be.
        Sealing twice does nothing.
        """
        if self._file.closed:
            return
        self._file.write(self._encoder.finish())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sync_folder(Path(settings.SPOOL_DIR))

    def discard(self) -> None:
        # Closing writes what is buffered; on a full disk that fails once more, and it is thrown
        # away anyway.
        with contextlib.suppress(OSError):
            self._file.close()
        _path(self.name).unlink(missing_ok=True)


def read_spool_file(name: str, wrapped_key: bytes | memoryview) -> bytes:
    return b"".join(iter_spool_file(name, wrapped_key))


def iter_spool_file(name: str, wrapped_key: bytes | memoryview) -> Iterator[bytes]:
    """The message as the peer sent it. Raises ``DamagedContentError`` or ``OSError`` when it cannot
    be read back whole.
    """
    key = unwrap_key(bytes(wrapped_key), name.encode())
    with _path(name).open("rb") as file:
        yield from decode_frames(file, key, name.encode())


def remove_spool_file(name: str) -> None:
    _path(name).unlink(missing_ok=True)


def spool_files_before(moment: datetime) -> list[str]:
    """Names of the files last written before ``moment``."""
    folder = Path(settings.SPOOL_DIR)
    if not folder.exists():
        return []
    return [one.name for one in folder.iterdir() if one.stat().st_mtime < moment.timestamp()]
