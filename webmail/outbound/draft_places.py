"""Where a draft lies: under another sender, in the trash, back again, nowhere any more.

It moves rows and their files as they are; what was typed is ``drafts``' business.
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import folder_of
from webmail.mailbox.reading import content_of, file_name
from webmail.models import Attachment, Blob, FolderRole, Mailbox, Message
from webmail.outbound.drafts import (
    check_quota,
    draft_rows,
    draft_text,
    overtaken,
    sealed_columns,
)
from webmail.store.blobs import release_blob, write_blob
from webmail.store.sealed import seal_text


def is_discarded(draft: Message) -> bool:
    return draft.folder_role == FolderRole.TRASH


def move_draft(draft: Message, mailbox: Mailbox, actor: User, *, writer: str = "") -> Message:
    """The same draft under another sender, text and files written anew with that box's key.

    All or nothing. Raises ``DraftGoneError``, ``DraftChangedError`` when it is not the version the
    caller holds any more, or ``NoRoomError``.
    """
    parts = list(draft.attachments.select_related("blob", "message__mailbox"))
    check_quota(mailbox.pk, (part.size for part in parts))
    # Written before the transaction: encryption and fsync must not hold the database.
    moved = [(part, file_name(part), write_blob(mailbox, content_of(part))) for part in parts]
    try:
        with transaction.atomic():
            _change_box(draft, mailbox, actor, writer=writer)
            _change_files(moved, mailbox)
            size = sum(part.size for part in parts)
            note_change(draft.mailbox_id, used_bytes=-size)
            note_change(mailbox.pk, used_bytes=size)
    except BaseException:
        for _, _, blob in moved:
            release_blob(blob)
        raise
    return Message.objects.select_related("mailbox", "folder").get(pk=draft.pk)


def _change_box(draft: Message, mailbox: Mailbox, actor: User, *, writer: str) -> None:
    key = draft.compose_key
    if Message.objects.filter(mailbox=mailbox, compose_key=key).exists():
        # Two posts of one page each made a draft, in two boxes. The page knows this one by its
        # number.
        key = ""
    changed = draft_rows(draft, draft.version).update(
        mailbox=mailbox,
        folder=folder_of(mailbox, FolderRole.DRAFTS),
        author=actor,
        from_address=mailbox.address,
        compose_key=key,
        version=F("version") + 1,
        **sealed_columns(mailbox, draft_text(draft), writer=writer, version=draft.version + 1),
    )
    if changed != 1:
        raise overtaken(draft)
    record_event(
        Event.MAILBOX_DRAFT_DISCARDED,
        actor=actor,
        mailbox_id=draft.mailbox_id,
        message_id=draft.pk,
        detail={"moved_to": mailbox.pk},
    )


def _change_files(moved: Sequence[tuple[Attachment, str, Blob]], mailbox: Mailbox) -> None:
    for part, name, blob in moved:
        old = part.blob
        Attachment.objects.filter(pk=part.pk).update(
            sealed_name=seal_text(mailbox, "file_name", name), blob=blob
        )
        release_blob(old)


@transaction.atomic
def discard_draft(draft: Message, actor: User) -> None:
    """Put the draft into the trash, text and files; who did it stays in the trail. A second click
    changes nothing. Raises ``DraftGoneError`` or ``DraftChangedError`` like ``save_draft``.
    """
    trash = folder_of(draft.mailbox, FolderRole.TRASH)
    changed = draft_rows(draft).exclude(folder=trash).update(folder=trash, version=F("version") + 1)
    if changed != 1:
        if draft_rows(draft).filter(folder=trash).exists():
            return
        raise overtaken(draft)
    _note_discarded(draft, actor, is_for_good=False)
    note_change(draft.mailbox_id)


@transaction.atomic
def restore_draft(draft: Message) -> None:
    """Take the draft out of the trash as it was put there. Raises like ``discard_draft``."""
    drafts = folder_of(draft.mailbox, FolderRole.DRAFTS)
    if draft_rows(draft).update(folder=drafts, version=F("version") + 1) != 1:
        raise overtaken(draft)
    note_change(draft.mailbox_id)


@transaction.atomic
def delete_draft(draft: Message, actor: User) -> None:
    """Delete a draft that lies in the trash, files and all, for ever. Raises ``DraftChangedError``
    when it was restored meanwhile, ``DraftGoneError`` when somebody was faster.
    """
    trash = folder_of(draft.mailbox, FolderRole.TRASH)
    if draft_rows(draft).filter(folder=trash).update(version=F("version") + 1) != 1:
        raise overtaken(draft)
    size = 0
    for attachment in draft.attachments.select_related("blob"):
        size += attachment.size
        blob = attachment.blob
        attachment.delete()
        release_blob(blob)
    _note_discarded(draft, actor, is_for_good=True)
    note_change(draft.mailbox_id, used_bytes=-size)
    draft.delete()


def _note_discarded(draft: Message, actor: User, *, is_for_good: bool) -> None:
    record_event(
        Event.MAILBOX_DRAFT_DISCARDED,
        actor=actor,
        mailbox_id=draft.mailbox_id,
        message_id=draft.pk,
        detail={"for_good": is_for_good},
    )
