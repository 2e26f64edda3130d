"""Encrypted frames: a stream of any length in constant memory, and nothing of it can be altered,
cut, or moved.

Layout: ``MSF1``, 16 bytes of salt, then frames of ``length (4 bytes) + ciphertext``. Each frame's
first byte says whether it is compressed; its number and whether it is the last one are bound to it;
the last one ends with the SHA-256 of the whole content. It knows a key and a context; it does not
know where the bytes lie or what they are.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from typing import Protocol

from accounts.keyring import FrameCipher, KeyringError

try:
    from compression import zstd  # type: ignore[import-not-found,unused-ignore]
except ImportError:  # Before Python 3.14.
    from backports import zstd

FRAME_BYTES = 1024 * 1024
_MAGIC = b"MSF1"
_SALT_BYTES = 16
_LENGTH_BYTES = 4
_DIGEST_BYTES = 32
_PLAIN, _ZSTD = b"\x00", b"\x01"
_ZSTD_LEVEL = 3
# A frame that shrinks by less than a tenth is kept as it is: PDF, JPEG and ZIP are compressed
# already.
_WORTH_IT = 0.9


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class DamagedContentError(Exception):
    """Stored bytes do not open: altered, cut, under another key. Nothing of them may be shown."""


class FrameEncoder:
    """Turns pieces of content into encrypted frames as they come. ``finish`` gives the last one."""

    def __init__(self, key: bytes, context: bytes, *, compress: bool) -> None:
        self._salt = secrets.token_bytes(_SALT_BYTES)
        self._cipher = FrameCipher(key, self._salt)
        self._context = context
        self._compress = compress
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._number = 0
        self.size = 0

    def header(self) -> bytes:
        return _MAGIC + self._salt

    def add(self, piece: bytes) -> bytes:
        """The frames that ``piece`` completes; often none."""
        self._digest.update(piece)
        self.size += len(piece)
        self._buffer += piece
        out = b""
        while len(self._buffer) > FRAME_BYTES:
            frame = bytes(self._buffer[:FRAME_BYTES])
            del self._buffer[:FRAME_BYTES]
            out += self._frame(frame, is_last=False)
        return out

    def finish(self) -> bytes:
        return self._frame(bytes(self._buffer), is_last=True)

    @property
    def digest(self) -> bytes:
        """SHA-256 of all content so far."""
        return self._digest.digest()

    def _frame(self, content: bytes, *, is_last: bool) -> bytes:
        kind = _PLAIN
        if self._compress and content:
            smaller = zstd.compress(content, level=_ZSTD_LEVEL)
            if len(smaller) < len(content) * _WORTH_IT:
                kind, content = _ZSTD, smaller
        if is_last:
            content += self._digest.digest()
        context = self._context + (b"/last" if is_last else b"/more")
        sealed = self._cipher.encrypt(self._number, kind + content, context)
        self._number += 1
        return len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed


def encode_frames(
    pieces: Iterable[bytes], key: bytes, context: bytes, *, compress: bool
) -> Iterator[bytes]:
    encoder = FrameEncoder(key, context, compress=compress)
    yield encoder.header()
    for piece in pieces:
        if frames := encoder.add(piece):
            yield frames
    yield encoder.finish()


def decode_frames(file: Readable, key: bytes, context: bytes) -> Iterator[bytes]:
    """The content, frame by frame. Raises ``DamagedContentError`` at the first byte that is not as
    it was written.

    Each frame is authenticated before it is given out; that the content is whole is known when the
    iteration ends.
    """
    header = file.read(len(_MAGIC) + _SALT_BYTES)
    if len(header) != len(_MAGIC) + _SALT_BYTES or not header.startswith(_MAGIC):
        raise DamagedContentError("not an encrypted content of this version")
    cipher = FrameCipher(key, header[len(_MAGIC) :])
    digest = hashlib.sha256()
    number, is_last = 0, False
    sealed = _read_frame(file)
    while not is_last:
        following = _read_frame(file)
        is_last = following is None
        if sealed is None:
            raise DamagedContentError("the content is cut")
        content = _open_frame(cipher, number, sealed, context, is_last=is_last)
        if is_last:
            content, expected = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        content = _expand(content)
        digest.update(content)
        if is_last and digest.digest() != expected:
            raise DamagedContentError("the content does not match its digest")
        yield content
        sealed, number = following, number + 1


def _read_frame(file: Readable) -> bytes | None:
    length = file.read(_LENGTH_BYTES)
    if not length:
        return None
    size = int.from_bytes(length, "big")
    # One frame, its kind, its digest, its tag, and zstd's worst case.
    if len(length) != _LENGTH_BYTES or size > FRAME_BYTES + 1024:
        raise DamagedContentError("a frame has no sensible length")
    frame = file.read(size)
    if len(frame) != size:
        raise DamagedContentError("the content is cut")
    return frame


def _open_frame(
    cipher: FrameCipher, number: int, sealed: bytes, context: bytes, *, is_last: bool
) -> bytes:
    try:
        return cipher.decrypt(number, sealed, context + (b"/last" if is_last else b"/more"))
    except KeyringError:
        raise DamagedContentError("a frame does not open") from None


def _expand(content: bytes) -> bytes:
    kind, body = content[:1], content[1:]
    return zstd.decompress(body) if kind == _ZSTD else body
