"""Contents of a mailbox, encrypted under its key, kept once each. Bytes in, a ``Blob`` row out, and
back.

A content is on disk before its row is written, so a committed row always has its file; a file whose
row was never committed is left for the store's audit. It does not know what a content is or who may
see it.
"""

import hashlib
import secrets
from collections.abc import Iterator

from django.core.files.base import File
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import F

from webmail.models import Blob, Mailbox
from webmail.store.frames import DamagedContentError, decode_frames, encode_frames
from webmail.store.sealed import content_hash, mailbox_key

_PIECE = 1024 * 1024


class _EncryptedFile(File[bytes]):
    """Feeds a storage with frames as they are made."""

    def __init__(self, frames: Iterator[bytes], name: str) -> None:
        super().__init__(None, name)
        self._frames = frames

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:  # noqa: ARG002
        return self._frames

    def multiple_chunks(self, chunk_size: int | None = None) -> bool:  # noqa: ARG002
        return True


def write_blob(mailbox: Mailbox, content: bytes) -> Blob:
    """Store ``content``, or find the row that holds it; the row is counted once more.

    Durable when it returns, apart from the caller's own commit. The file is written outside any
    lock of the caller when called before its transaction; two writers of one content end with one
    row.
    """
    hashed = content_hash(mailbox, hashlib.sha256(content).digest())
    if _count_again(mailbox, hashed):
        return Blob.objects.get(mailbox=mailbox, content_hash=hashed)
    name = _new_name()
    frames = encode_frames(
        (content[i : i + _PIECE] for i in range(0, len(content), _PIECE)),
        mailbox_key(mailbox),
        name.encode(),
        compress=True,
    )
    saved = storages["blobs"].save(name, _EncryptedFile(frames, name))
    with transaction.atomic():
        # Locked, so that it is not released between being found and being counted.
        blob, is_new = Blob.objects.select_for_update().get_or_create(
            mailbox=mailbox,
            content_hash=hashed,
            defaults={"name": saved, "size": len(content), "references": 1},
        )
        if not is_new:
            _count_again(mailbox, hashed)
    if not is_new:
        storages["blobs"].delete(saved)
    return blob


def read_blob(blob: Blob, mailbox: Mailbox) -> bytes:
    """The whole content. Raises ``DamagedContentError`` when it is not byte for byte what was
    written.
    """
    return b"".join(iter_blob(blob, mailbox))


def iter_blob(blob: Blob, mailbox: Mailbox) -> Iterator[bytes]:
    """The content frame by frame, in constant memory. Raises as ``read_blob`` does."""
    try:
        opened = storages["blobs"].open(blob.name)
    except FileNotFoundError:
        raise DamagedContentError("the content is not in the storage") from None
    with opened as file:
        yield from decode_frames(file, mailbox_key(mailbox), blob.name.encode())


def release_blob(blob: Blob) -> None:
    """One reference less; the last one takes the row at once and the file when the transaction is
    committed.
    """
    with transaction.atomic():
        Blob.objects.filter(pk=blob.pk).update(references=F("references") - 1)
        gone, _ = Blob.objects.filter(pk=blob.pk, references=0).delete()
        if gone:
            name = blob.name
            transaction.on_commit(lambda: storages["blobs"].delete(name))


def _count_again(mailbox: Mailbox, hashed: str) -> bool:
    found = Blob.objects.filter(mailbox=mailbox, content_hash=hashed, references__gt=0)
    return found.update(references=F("references") + 1) == 1


def _new_name() -> str:
    name = secrets.token_hex(20)
    return f"{name[:2]}/{name}"
