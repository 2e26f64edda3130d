"""Where a message goes in its box: its folder, its conversation, its people, its parts, the
counters. Rows in a transaction of the caller's; it reads no bytes and asks for no permission.
"""

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from webmail.mailbox.changes import note_change
from webmail.mime.types import Address
from webmail.models import (
    Attachment,
    Blob,
    Folder,
    FolderRole,
    Mailbox,
    Message,
    Recipient,
    RecipientKind,
    Thread,
)
from webmail.store.sealed import plain_address, seal_person, seal_text

_LONGEST_TYPE = 120
_NEWEST = sys.maxsize


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A file of a message whose content lies in a blob already."""

    name: str
    content_type: str
    size: int
    is_inline: bool
    blob: Blob


def folder_of(mailbox: Mailbox, role: FolderRole) -> Folder:
    return Folder.objects.get(mailbox=mailbox, role=role)


def find_thread(mailbox: Mailbox, message_ids: Iterable[str]) -> Thread:
    """The conversation one of ``message_ids`` belongs to in this box, else a new one.

    Only references make a conversation, never a subject, and never those of another box.
    """
    return find_threads([Cited(mailbox, "", tuple(message_ids))])[0]


@dataclass(frozen=True, slots=True)
class Cited:
    """A letter that looks for its conversation: its own identifier and those it cites."""

    mailbox: Mailbox
    message_id: str
    cited: tuple[str, ...]


def find_threads(letters: Sequence[Cited]) -> list[Thread]:
    """``find_thread`` for many letters; one that cites another of them joins it."""
    known = _known_threads(letters)
    threads: list[Thread] = []
    new: list[Thread] = []
    for letter in letters:
        box = letter.mailbox.pk
        found = [known[box, cited] for cited in letter.cited if (box, cited) in known]
        if found:
            thread = max(found, key=lambda one: one[:2])[2]
        else:
            thread = Thread(mailbox=letter.mailbox)
            new.append(thread)
        threads.append(thread)
        if letter.message_id:
            # The newest of all, for the letters that follow.
            known[box, letter.message_id] = (timezone.now(), _NEWEST, thread)
    Thread.objects.bulk_create(new)
    return threads


def _known_threads(
    letters: Sequence[Cited],
) -> dict[tuple[int, str], tuple[datetime, int, Thread]]:
    """(box, identifier) → when it came, its row, and its conversation; the newest of each."""
    cited = {one for letter in letters for one in letter.cited if one}
    if not cited:
        return {}
    related = Message.objects.filter(
        mailbox__in={letter.mailbox.pk for letter in letters},
        rfc_message_id__in=cited,
        thread__isnull=False,
    ).select_related("thread")
    return {
        (one.mailbox_id, one.rfc_message_id): (one.at, one.pk, one.thread)
        for one in related.order_by("at", "pk")
        if one.thread is not None
    }


def inboxes_of(mailbox_ids: Collection[int]) -> dict[int, Folder]:
    """Each box's folder of what comes in."""
    folders = Folder.objects.filter(mailbox__in=mailbox_ids, role=FolderRole.INBOX)
    return {folder.mailbox_id: folder for folder in folders}


def add_people(
    message: Message, kind: RecipientKind, people: Sequence[Address], *, first: int = 0
) -> None:
    Recipient.objects.bulk_create(people_of(message, kind, people, first=first))


def people_of(
    message: Message, kind: RecipientKind, people: Sequence[Address], *, first: int = 0
) -> list[Recipient]:
    """Rows that are yet to be written."""
    return [
        Recipient(
            message=message,
            kind=kind,
            position=first + number,
            address=plain_address(person.address)[:320],
            sealed_person=seal_person(message.mailbox, person),
        )
        for number, person in enumerate(people)
    ]


def add_parts(message: Message, parts: Sequence[StoredPart], *, first: int = 0) -> None:
    Attachment.objects.bulk_create(parts_of(message, parts, first=first))


def parts_of(message: Message, parts: Sequence[StoredPart], *, first: int = 0) -> list[Attachment]:
    """Rows that are yet to be written."""
    return [
        Attachment(
            message=message,
            position=first + number,
            sealed_name=seal_text(message.mailbox, "file_name", part.name),
            content_type=part.content_type[:_LONGEST_TYPE],
            size=part.size,
            is_inline=part.is_inline,
            blob=part.blob,
        )
        for number, part in enumerate(parts)
    ]


def note_reading(message: Message, actor: User) -> None:
    """Shown to a person: the trail says so each time."""
    record_event(
        Event.MAILBOX_MESSAGE_READ,
        actor=actor,
        mailbox_id=message.mailbox_id,
        message_id=message.pk,
    )


def mark_seen(message: Message) -> None:
    """No longer unread, for everyone who shares the box."""
    changed = Message.objects.filter(pk=message.pk, is_seen=False).update(is_seen=True)
    if changed:
        in_inbox = message.folder_role == FolderRole.INBOX
        note_change(message.mailbox_id, unread=-1 if in_inbox else 0)
