"""Keys: the only file with symmetric encryption primitives.

A master key wraps data keys; a data key, through HKDF, gives one key per purpose: blobs, columns,
look-ups. Bytes go in, bytes come out. It does not know what it protects, where it is stored, or for
whom; the master key may later stay in an HSM, behind ``wrap_key`` and ``unwrap_key`` alone.
"""

import hashlib
import hmac
import os
import secrets
import stat
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32
_NONCE_BYTES = 12
_WRAP = (
    b"\x01"  # Version of the wrapping, so that an HSM or another master key can stand beside it.
)
_SEAL = b"\x01"


class KeyringError(Exception):
    """A key is missing, unreadable by us, readable by others, or does not open what it is given."""


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def wrap_key(key: bytes, context: bytes) -> bytes:
    """``key`` under the master key; ``context`` (who it belongs to) must be given again to unwrap
    it.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _WRAP + nonce + AESGCM(_master_key()).encrypt(nonce, key, context)


def unwrap_key(wrapped: bytes, context: bytes) -> bytes:
    """The data key. Raises ``KeyringError`` when the master key or the context is not the one that
    wrapped it.
    """
    if wrapped[:1] != _WRAP:
        raise KeyringError("unknown wrapping of a data key")
    nonce, sealed = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
    try:
        return AESGCM(_master_key()).decrypt(nonce, sealed, context)
    except (InvalidTag, ValueError):  # A cut value has no nonce.
        raise KeyringError("a data key does not open with this master key") from None


@lru_cache(maxsize=4096)
def derive_key(key: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    """A key of its own for one purpose (RFC 5869), so that no two uses ever share a nonce space."""
    return HKDF(SHA256(), KEY_BYTES, salt=salt or None, info=b"mssante/" + purpose).derive(key)


def seal(key: bytes, text: str, context: bytes) -> bytes:
    """A column's text, encrypted; ``context`` names the column, so that a value cannot be moved to
    another one.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = AESGCM(derive_key(key, b"column"))
    return _SEAL + nonce + cipher.encrypt(nonce, text.encode(), context)


def open_sealed(key: bytes, sealed: bytes, context: bytes) -> str:
    """The text of a sealed column. Raises ``KeyringError`` when it was altered, moved, or sealed
    with another key.
    """
    if sealed[:1] != _SEAL:
        raise KeyringError("unknown sealing of a column")
    cipher = AESGCM(derive_key(key, b"column"))
    try:
        return cipher.decrypt(
            sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], context
        ).decode()
    except (InvalidTag, ValueError):
        raise KeyringError("a sealed column does not open") from None


def keyed_hash(key: bytes, data: bytes, purpose: bytes) -> str:
    """A look-up value, hex: equal data gives equal values, and nobody without the key can try words
    against it.
    """
    return hmac.new(derive_key(key, b"hash/" + purpose), data, hashlib.sha256).hexdigest()


class FrameCipher:
    """Encrypts the frames of one blob. The key is the blob's own (``salt`` is fresh), so a frame's
    number is its nonce.
    """

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._cipher = AESGCM(derive_key.__wrapped__(key, b"blob", salt))

    def encrypt(self, number: int, frame: bytes, context: bytes) -> bytes:
        return self._cipher.encrypt(number.to_bytes(_NONCE_BYTES, "big"), frame, context)

    def decrypt(self, number: int, frame: bytes, context: bytes) -> bytes:
        """The frame's bytes. Raises ``KeyringError`` when it was altered, moved within the blob, or
        taken from another.
        """
        try:
            return self._cipher.decrypt(number.to_bytes(_NONCE_BYTES, "big"), frame, context)
        except InvalidTag:
            raise KeyringError("a frame does not open") from None


def create_master_key(path: Path) -> None:
    """Write a new master key, readable by its owner only. Raises ``KeyringError`` when one is
    there: it is never replaced.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyringError(f"{path} exists; a master key is never replaced") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new_key().hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def _master_key() -> bytes:
    return _read_master_key(Path(settings.MASTER_KEY_FILE))


@lru_cache(maxsize=4)
def _read_master_key(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_bytes().strip()
    except OSError as error:
        raise KeyringError(f"the master key {path} cannot be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyringError(f"the master key {path} is readable by others: chmod 600 it")
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyringError(f"the master key {path} must hold {KEY_BYTES * 2} hexadecimal digits")
    return key


def check_master_key() -> None:
    """Raises ``KeyringError`` when the master key is missing, readable by others, or malformed."""
    _master_key()
