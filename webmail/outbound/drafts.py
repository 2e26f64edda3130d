"""Drafts: what is being written, on the server from the first second. Text is kept as typed; files
are rows at once.

It knows the draft's own row and files; it addresses nobody and sends nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import StoredPart, add_parts, folder_of
from webmail.mailbox.reading import content_of, file_name
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
    """The draft was sent or thrown away meanwhile, in another window or by another person."""


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
        **_sealed(mailbox, text),
    )
    note_change(mailbox.pk)
    return draft


@transaction.atomic
def save_draft(draft: Message, text: DraftText) -> Message:
    """Keep ``text``. Raises ``DraftGoneError`` when the draft is no draft any more: the caller
    still has the words.
    """
    changed = Message.objects.filter(pk=draft.pk, state=MessageState.DRAFT).update(
        at=timezone.now(), version=F("version") + 1, **_sealed(draft.mailbox, text)
    )
    if changed != 1:
        raise DraftGoneError
    note_change(draft.mailbox_id)
    draft.refresh_from_db()
    return draft


def _sealed(mailbox: Mailbox, text: DraftText) -> dict[str, bytes]:
    return {
        "sealed_draft": seal_text(mailbox, "draft", json.dumps(asdict(text))),
        "sealed_subject": seal_text(mailbox, "subject", text.subject),
        "sealed_snippet": seal_text(mailbox, "snippet", snippet(text.body)),
    }


def move_draft(draft: Message, mailbox: Mailbox, actor: User) -> Message:
    """The same draft under another sender: written anew with that box's key, then the first one
    goes. Raises ``DraftGoneError`` and leaves no copy when it is no draft any more.
    """
    copy = create_draft(mailbox, actor, draft_text(draft), compose_key=draft.compose_key)
    attach_files(
        copy,
        [
            UploadedPart(file_name(part), part.content_type, content_of(part))
            for part in draft.attachments.select_related("blob", "message__mailbox")
        ],
    )
    try:
        discard_draft(draft, actor)
    except DraftGoneError:
        # Sent or discarded meanwhile: the letter is there already, a second one must not stay.
        discard_draft(copy, actor)
        raise
    return copy


def draft_text(draft: Message) -> DraftText:
    kept = open_text(draft.mailbox, "draft", draft.sealed_draft)
    return DraftText(**json.loads(kept)) if kept else DraftText()


def attach_files(draft: Message, files: Sequence[UploadedPart]) -> None:
    """Encrypt and keep ``files`` with the draft. Raises ``DraftGoneError`` like ``save_draft``."""
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
            _count_files(draft)
            last = draft.attachments.aggregate(last=Max("position"))["last"]
            add_parts(draft, parts, first=0 if last is None else last + 1)
            _count_files(draft)
            note_change(draft.mailbox_id, used_bytes=sum(part.size for part in parts))
    except DraftGoneError:
        for part in parts:
            release_blob(part.blob)
        raise


def _count_files(draft: Message) -> None:
    """Write the number of files on the row; on PostgreSQL this also holds the row until the caller
    is done. It counts as a save: a letter composed before it is not sent with other files than it
    shows.
    """
    changed = Message.objects.filter(pk=draft.pk, state=MessageState.DRAFT).update(
        attachment_count=draft.attachments.count(), version=F("version") + 1
    )
    if changed != 1:
        raise DraftGoneError
    draft.refresh_from_db(fields=["attachment_count", "version"])


@transaction.atomic
def detach_file(draft: Message, attachment: Attachment) -> None:
    """Take the file out. A second click finds it gone: nothing is released twice. Raises
    ``DraftGoneError`` like ``save_draft``.
    """
    _count_files(draft)
    blob, size = attachment.blob, attachment.size
    deleted, _ = draft.attachments.filter(pk=attachment.pk).delete()
    if not deleted:
        return
    release_blob(blob)
    _count_files(draft)
    note_change(draft.mailbox_id, used_bytes=-size)


@transaction.atomic
def discard_draft(draft: Message, actor: User) -> None:
    """Throw the draft away, files and all; who did it stays in the trail."""
    _count_files(draft)
    size = 0
    for attachment in draft.attachments.select_related("blob"):
        size += attachment.size
        blob = attachment.blob
        attachment.delete()
        release_blob(blob)
    record_event(
        Event.MAILBOX_DRAFT_DISCARDED,
        actor=actor,
        mailbox_id=draft.mailbox_id,
        message_id=draft.pk,
    )
    note_change(draft.mailbox_id, used_bytes=-size)
    draft.delete()
