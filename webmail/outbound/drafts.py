"""Drafts: what is being written, on the server from the first second. Text is kept as typed; files
are rows at once.

It knows the draft's own row and files; it addresses nobody and sends nothing.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.utils import timezone

from accounts.models import User
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import StoredPart, add_parts, folder_of
from webmail.mailbox.reading import file_name
from webmail.mime.compose import encoded_size
from webmail.mime.quoting import snippet
from webmail.models import Attachment, FolderRole, Mailbox, Message, MessageState
from webmail.store.blobs import release_blob, write_blob
from webmail.store.sealed import open_text, seal_text


@dataclass(frozen=True, slots=True)
class DraftText:
    """What was typed, kept to the letter: a half-written address is kept too."""

    to: str = ""
    cc: str = ""
    subject: str = ""
    body: str = ""
    in_reply_to: int = 0  # Our own message this answers; 0 for none.


@dataclass(frozen=True, slots=True)
class UploadedPart:
    name: str
    content_type: str
    content: bytes


class DraftGoneError(Exception):
    """The draft was sent or deleted for good meanwhile, in another window or by another person."""


class DraftChangedError(Exception):
    """The draft is one still, but not the one the caller knows: another window was faster."""


class NoRoomError(Exception):
    """The files are not kept. ``reason`` is ``too_big`` for one letter or ``box_full``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@transaction.atomic
def create_draft(
    mailbox: Mailbox, author: User, text: DraftText, *, compose_key: str = ""
) -> Message:
    """A new draft. ``compose_key`` names the writing page: raises ``IntegrityError`` when that page
    has made its draft already.
    """
    draft = Message.objects.create(
        compose_key=compose_key,
        mailbox=mailbox,
        folder=folder_of(mailbox, FolderRole.DRAFTS),
        state=MessageState.DRAFT,
        author=author,
        at=timezone.now(),
        is_seen=True,
        from_address=mailbox.address,
        **sealed_columns(mailbox, text, writer=compose_key, version=0),
    )
    note_change(mailbox.pk)
    return draft


@transaction.atomic
def save_draft(
    draft: Message, text: DraftText, *, version: int | None = None, writer: str = ""
) -> Message:
    """Keep ``text``, and take the draft out of the trash if it lies there.

    With ``version``, only over that version; ``writer`` then names the page that wrote. Raises
    ``DraftGoneError`` or ``DraftChangedError``: the caller still has the words.
    """
    mailbox = draft.mailbox
    noted = ("", 0) if version is None else (writer, version + 1)
    changed = draft_rows(draft, version).update(
        at=timezone.now(),
        version=F("version") + 1,
        folder=folder_of(mailbox, FolderRole.DRAFTS),
        **sealed_columns(mailbox, text, writer=noted[0], version=noted[1]),
    )
    if changed != 1:
        raise overtaken(draft)
    note_change(mailbox.pk)
    draft.refresh_from_db()
    return draft


def draft_rows(draft: Message, version: int | None = None) -> QuerySet[Message]:
    """The draft's row while it is a draft in the box the caller knows: what is sealed for one box
    must not end in another.
    """
    rows = Message.objects.filter(
        pk=draft.pk, state=MessageState.DRAFT, mailbox_id=draft.mailbox_id
    )
    return rows if version is None else rows.filter(version=version)


def overtaken(draft: Message) -> DraftGoneError | DraftChangedError:
    is_draft = Message.objects.filter(pk=draft.pk, state=MessageState.DRAFT).exists()
    return DraftChangedError() if is_draft else DraftGoneError()


def sealed_columns(
    mailbox: Mailbox, text: DraftText, *, writer: str, version: int
) -> dict[str, bytes]:
    """``writer`` and the version this save makes are kept with the text, so that a page whose
    answer was lost is known by its own work.
    """
    kept = {**asdict(text), "writer": [writer, version]}
    return {
        "sealed_draft": seal_text(mailbox, "draft", json.dumps(kept)),
        "sealed_subject": seal_text(mailbox, "subject", text.subject),
        "sealed_snippet": seal_text(mailbox, "snippet", snippet(text.body)),
    }


def draft_text(draft: Message) -> DraftText:
    kept = open_text(draft.mailbox, "draft", draft.sealed_draft)
    values = json.loads(kept) if kept else {}
    values.pop("writer", None)
    return DraftText(**values)


def is_left_by(draft: Message, writer: str) -> bool:
    """Whether the page ``writer`` was the last to touch the draft: no text and no file came
    after.
    """
    kept = open_text(draft.mailbox, "draft", draft.sealed_draft)
    last = json.loads(kept).get("writer") if kept else None
    return bool(writer) and last == [writer, draft.version]


def attach_files(
    draft: Message, files: Sequence[UploadedPart], *, version: int | None = None
) -> None:
    """Encrypt and keep ``files`` with the draft; one that is there already, under the same name, is
    not kept twice. Raises ``NoRoomError``, and ``DraftGoneError`` or ``DraftChangedError`` like
    ``save_draft``; no file is kept then.
    """
    parts = [
        StoredPart(
            name=file.name,
            content_type=file.content_type,
            size=len(file.content),
            is_inline=False,
            blob=write_blob(draft.mailbox, file.content),
        )
        for file in files
    ]
    if not parts:
        return
    try:
        with transaction.atomic():
            _count_files(draft, version)
            spare = _add_new(draft, parts)
            _count_files(draft)
            draft.refresh_from_db(fields=["attachment_count", "version"])
    except BaseException:
        for part in parts:
            release_blob(part.blob)
        raise
    for part in spare:
        release_blob(part.blob)


def _add_new(draft: Message, parts: Sequence[StoredPart]) -> list[StoredPart]:
    """Add what the draft does not hold yet, if there is room; the rest comes back. A save that is
    sent again because its answer was lost adds nothing.
    """
    held = draft.attachments.select_related("message__mailbox")
    known = {(part.blob_id, file_name(part)) for part in held}
    new: list[StoredPart] = []
    spare: list[StoredPart] = []
    for part in parts:
        mark = (part.blob.pk, part.name)
        (spare if mark in known else new).append(part)
        known.add(mark)
    sizes = [part.size for part in new]
    if encoded_size("", [*(part.size for part in held), *sizes]) > settings.MESSAGE_SIZE_LIMIT_OUT:
        raise NoRoomError("too_big")
    check_quota(draft.mailbox_id, sizes)
    last = draft.attachments.aggregate(last=Max("position"))["last"]
    add_parts(draft, new, first=0 if last is None else last + 1)
    note_change(draft.mailbox_id, used_bytes=sum(sizes))
    return spare


def check_quota(mailbox_id: int, sizes: Iterable[int]) -> None:
    added = sum(sizes)
    mailbox = Mailbox.objects.get(pk=mailbox_id)
    if added and mailbox.used_bytes + added > mailbox.quota_bytes:
        raise NoRoomError("box_full")


def _count_files(draft: Message, version: int | None = None) -> None:
    """Write the number of files on the row; on PostgreSQL this also holds the row until the caller
    is done. It counts as a save: a letter composed before it is not sent with other files than it
    shows.
    """
    changed = draft_rows(draft, version).update(
        attachment_count=draft.attachments.count(), version=F("version") + 1
    )
    if changed != 1:
        raise overtaken(draft)


@transaction.atomic
def detach_file(draft: Message, attachment: Attachment) -> None:
    """Take the file out. A second click finds it gone: nothing is released twice. Raises
    ``DraftGoneError`` or ``DraftChangedError`` like ``save_draft``.
    """
    _count_files(draft)
    blob, size = attachment.blob, attachment.size
    deleted, _ = draft.attachments.filter(pk=attachment.pk).delete()
    if deleted:
        release_blob(blob)
        _count_files(draft)
        note_change(draft.mailbox_id, used_bytes=-size)
    draft.refresh_from_db(fields=["attachment_count", "version"])
