"""Content at rest: encrypted frames, one row per distinct content and mailbox, counted by the rows
that point at it. Small content lies in its row, larger content in the storage.

Bytes go in and come out; it does not know whether they are a letter, a file, or a page derived from
them, nor who may see them.
"""

import hashlib
import io
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import storages
from django.db import DatabaseError, connection, transaction
from django.db.models import F

from webmail.models import Blob, Mailbox
from webmail.store.frames import DamagedContentError, decode_frames, encode_frames
from webmail.store.sealed import content_hash, mailbox_key

_PIECE = 1024 * 1024
# One statement, so that two writers of one content end with one row, whoever comes first.
_COUNT_OR_INSERT = """
INSERT INTO webmail_blob (mailbox_id, content_hash, name, content, size, "references")
VALUES (%s, %s, %s, %s, %s, 1)
ON CONFLICT (mailbox_id, content_hash)
DO UPDATE SET "references" = webmail_blob."references" + 1
RETURNING id, name
"""


@dataclass(frozen=True, slots=True)
class PreparedBlob:
    """Content that is encrypted and, when it is large, on disk already: all that is slow is done.
    ``keep_blob`` makes it a row, ``discard_blob`` undoes it.
    """

    mailbox: Mailbox
    content_hash: str
    name: str
    frames: bytes  # Empty when they lie in the storage.
    size: int


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

    Durable when it returns, apart from the caller's own commit.
    """
    prepared = prepare_blob(mailbox, content)
    try:
        return keep_blob(prepared)
    except BaseException:
        discard_blob(prepared)
        raise


def prepare_blob(mailbox: Mailbox, *parts: bytes) -> PreparedBlob:
    """Encrypt a content, given in one or several parts; a large one is on disk when this returns.
    Call it before opening a transaction: encryption and fsync must not hold the database.
    """
    name, size, digest = _new_name(), sum(map(len, parts)), hashlib.sha256()
    for part in parts:
        digest.update(part)
    frames = encode_frames(
        (part[i : i + _PIECE] for part in parts for i in range(0, len(part), _PIECE)),
        mailbox_key(mailbox),
        name.encode(),
        compress=True,
    )
    hashed = content_hash(mailbox, digest.digest())
    if size <= settings.INLINE_BYTES:
        return PreparedBlob(mailbox, hashed, name, b"".join(frames), size)
    saved = storages["blobs"].save(name, _EncryptedFile(frames, name))
    return PreparedBlob(mailbox, hashed, saved, b"", size)


def keep_blob(prepared: PreparedBlob) -> Blob:
    """The row that holds the content, counted once more; part of the caller's transaction when
    there is one.
    """
    mailbox = prepared.mailbox
    row: tuple[int | str | bytes, ...] = (
        mailbox.pk,
        prepared.content_hash,
        prepared.name,
        prepared.frames,
        prepared.size,
    )
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_OR_INSERT, row)
        pk, name = cursor.fetchone()
    if name != prepared.name:
        # The content was there: ours is one too many, once that is certain.
        transaction.on_commit(lambda: _delete_file(prepared))
        return Blob.objects.get(pk=pk)
    blob = Blob(
        pk=pk,
        mailbox=mailbox,
        content_hash=prepared.content_hash,
        name=name,
        content=prepared.frames,
        size=prepared.size,
        references=1,
    )
    blob._state.adding = False  # noqa: SLF001  (The row exists; Django has no public way to say so.)
    return blob


def discard_blob(prepared: PreparedBlob) -> None:
    """Undo ``prepare_blob`` when the transaction that was to keep it failed.

    A commit whose answer was lost may have happened all the same: while a row holds the file, or
    nobody can tell, it stays.
    """
    if prepared.frames:
        return
    try:
        is_held = Blob.objects.filter(name=prepared.name).exists()
    except DatabaseError:
        return
    if not is_held:
        _delete_file(prepared)


def read_blob(blob: Blob, mailbox: Mailbox) -> bytes:
    """The whole content. Raises ``DamagedContentError`` when it is not byte for byte what was
    written.
    """
    return b"".join(iter_blob(blob, mailbox))


def iter_blob(blob: Blob, mailbox: Mailbox) -> Iterator[bytes]:
    """The content frame by frame, in constant memory. Raises as ``read_blob`` does."""
    key, context = mailbox_key(mailbox), blob.name.encode()
    if blob.content:
        yield from decode_frames(io.BytesIO(blob.content), key, context)
        return
    try:
        opened = storages["blobs"].open(blob.name)
    except FileNotFoundError:
        raise DamagedContentError("the content is not in the storage") from None
    with opened as file:
        yield from decode_frames(file, key, context)


def release_blob(blob: Blob) -> None:
    """One reference less; the last one takes the row at once and the file when the transaction is
    committed.
    """
    with transaction.atomic():
        Blob.objects.filter(pk=blob.pk).update(references=F("references") - 1)
        gone, _ = Blob.objects.filter(pk=blob.pk, references=0).delete()
        if gone and not blob.content:
            name = blob.name
            transaction.on_commit(lambda: storages["blobs"].delete(name))


def _delete_file(prepared: PreparedBlob) -> None:
    if not prepared.frames:
        storages["blobs"].delete(prepared.name)


def _new_name() -> str:
    name = secrets.token_hex(20)
    return f"{name[:2]}/{name}"
