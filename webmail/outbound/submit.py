"""The only way to send: a draft, or a letter that never was one, is frozen, and each recipient gets
a row in the outbox.

Direct, scheduled, retried and machine sends all end here. Either everything is written or nothing:
when it returns, the letter is sent as far as its author is concerned, and the workers have all they
need. It opens no connection and renders no page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.audit.record import record_events
from accounts.models import User
from webmail.mailbox.access import has_right
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import StoredPart, find_thread, folder_of, parts_of
from webmail.mailbox.reading import content_of, file_name, keep_reading_blob
from webmail.mime.quoting import snippet
from webmail.mime.sanitize import RULES_VERSION
from webmail.mime.types import Address, OutgoingAttachment
from webmail.models import (
    Attachment,
    Blob,
    FolderRole,
    LetterRun,
    Mailbox,
    Message,
    MessageState,
    RecipientKind,
    Right,
    Thread,
)
from webmail.outbound.addressing import Addressee, Problem, read_addressees
from webmail.outbound.drafts import DraftText, draft_text
from webmail.outbound.posting import (
    SubmitError,
    compose_letter,
    new_identifier,
    prepare_blobs,
    queue_letters,
    sender_of,
    sent_event,
    size_problems,
)
from webmail.outbound.routing import check_recipient
from webmail.store.blobs import PreparedBlob, discard_blob, keep_blob, prepare_blob
from webmail.store.sealed import seal_person, seal_text

__all__ = [
    "AlreadySentError",
    "AutomaticLetter",
    "OwnLetter",
    "SubmitError",
    "submit_automatic",
    "submit_draft",
    "submit_letters",
]


class AlreadySentError(Exception):
    """The draft was sent or thrown away meanwhile: a second click, another window, another person.
    Nothing was sent twice.
    """


def submit_draft(draft: Message, actor: User) -> Message:
    """Send ``draft`` for ``actor``. Raises ``SubmitError`` or ``AlreadySentError``; the draft is
    untouched then.
    """
    mailbox = draft.mailbox
    if not has_right(actor, mailbox.pk, Right.SEND):
        raise SubmitError([Problem("no_right_to_send", "mailbox")])
    text = draft_text(draft)
    addressing = read_addressees(text)
    sizes = draft.attachments.values_list("size", flat=True)
    problems = [*addressing.problems, *size_problems(text, sizes)]
    if problems:
        raise SubmitError(problems)
    now = timezone.now()
    message_id = new_identifier(mailbox)
    original = _answered(draft, text)
    parts = draft.attachments.select_related("blob", "message__mailbox")
    files = tuple(
        OutgoingAttachment(file_name(part), part.content_type, content_of(part)) for part in parts
    )
    content = compose_letter(
        mailbox,
        text,
        addressing.addressees,
        files,
        references=_references(original),
        message_id=message_id,
        at=now,
    )
    # Encrypted before the transaction: that and fsync must not hold the database.
    blobs = prepare_blobs(mailbox, content, text.body)
    try:
        with transaction.atomic():
            source, reading = (keep_blob(blob) for blob in blobs)
            _freeze(
                draft, actor, source, original, message_id=message_id, size=len(content), at=now
            )
            keep_reading_blob(draft, reading)
            queue_letters([(draft, addressing.addressees)], actor, now)
    except BaseException:
        for blob in blobs:
            discard_blob(blob)
        raise
    draft.refresh_from_db()
    return draft


@dataclass(frozen=True, slots=True)
class OwnLetter:
    """A letter that was never a draft. ``key`` names it within its box: the same key is sent
    once.
    """

    key: str
    text: DraftText
    files: tuple[OutgoingAttachment, ...] = ()


def submit_letters(
    mailbox: Mailbox, actor: User, letters: Sequence[OwnLetter], *, run: LetterRun | None = None
) -> list[Message]:
    """Send ``letters`` for ``actor``, all in one transaction; those whose key was sent before are
    left out.

    Raises ``SubmitError`` for the first one that cannot leave; nothing is sent then.
    """
    if not has_right(actor, mailbox.pk, Right.SEND):
        raise SubmitError([Problem("no_right_to_send", "mailbox")])
    keys = [letter.key for letter in letters]
    known = set(
        Message.objects.filter(mailbox=mailbox, compose_key__in=keys).values_list(
            "compose_key", flat=True
        )
    )
    now = timezone.now()
    ready: list[_Ready] = []
    try:
        for letter in letters:
            if letter.key not in known:
                known.add(letter.key)
                ready.append(_prepare(mailbox, letter, now))
        with transaction.atomic():
            return _write_letters(mailbox, actor, ready, run, now)
    except BaseException:
        for one in ready:
            for blob in (*one.blobs, *one.parts):
                discard_blob(blob)
        raise


@dataclass(frozen=True, slots=True)
class _Ready:
    """A letter composed and encrypted."""

    letter: OwnLetter
    addressees: tuple[Addressee, ...]
    message_id: str
    size: int
    blobs: tuple[PreparedBlob, PreparedBlob]  # Its bytes, and what pages show of it.
    parts: tuple[PreparedBlob, ...]


def _prepare(mailbox: Mailbox, letter: OwnLetter, now: datetime) -> _Ready:
    addressing = read_addressees(letter.text)
    sizes = [len(file.content) for file in letter.files]
    problems = [*addressing.problems, *size_problems(letter.text, sizes)]
    if problems:
        raise SubmitError(problems)
    message_id = new_identifier(mailbox)
    content = compose_letter(
        mailbox,
        letter.text,
        addressing.addressees,
        letter.files,
        references=(),
        message_id=message_id,
        at=now,
    )
    return _Ready(
        letter=letter,
        addressees=addressing.addressees,
        message_id=message_id,
        size=len(content),
        blobs=prepare_blobs(mailbox, content, letter.text.body),
        parts=tuple(prepare_blob(mailbox, file.content) for file in letter.files),
    )


def _write_letters(
    mailbox: Mailbox, actor: User, ready: Sequence[_Ready], run: LetterRun | None, now: datetime
) -> list[Message]:
    """Every row of every letter, a statement for each table."""
    folder = folder_of(mailbox, FolderRole.SENT)
    sender = seal_person(mailbox, sender_of(mailbox))
    threads = Thread.objects.bulk_create(Thread(mailbox=mailbox) for _ in ready)
    messages = Message.objects.bulk_create(
        Message(
            mailbox=mailbox,
            folder=folder,
            thread=thread,
            state=MessageState.SENT,
            author=actor,
            run=run,
            compose_key=one.letter.key,
            rfc_message_id=one.message_id,
            date=now,
            at=now,
            is_seen=True,
            size=one.size,
            attachment_count=len(one.parts),
            from_address=mailbox.address,
            source=keep_blob(one.blobs[0]),
            reading=keep_blob(one.blobs[1]),
            reading_version=RULES_VERSION,
            sealed_from=sender,
            sealed_subject=seal_text(mailbox, "subject", one.letter.text.subject),
            sealed_snippet=seal_text(mailbox, "snippet", snippet(one.letter.text.body)),
        )
        for one, thread in zip(ready, threads, strict=True)
    )
    pairs = list(zip(messages, ready, strict=True))
    Attachment.objects.bulk_create(part for pair in pairs for part in _parts(*pair))
    used = sum(one.size + sum(part.size for part in one.parts) for one in ready)
    note_change(mailbox.pk, used_bytes=used)
    record_events(sent_event(message, actor, one.size) for message, one in pairs)
    queue_letters([(message, one.addressees) for message, one in pairs], actor, now)
    return messages


def _parts(message: Message, one: _Ready) -> list[Attachment]:
    files = zip(one.letter.files, one.parts, strict=True)
    return parts_of(
        message,
        [
            StoredPart(file.name, file.content_type, len(file.content), False, keep_blob(blob))
            for file, blob in files
        ],
    )


@dataclass(frozen=True, slots=True)
class AutomaticLetter:
    """What a machine of ours wrote, to somebody outside."""

    sender: Address
    to: Address
    message_id: str
    content: bytes


def submit_automatic(
    mailbox: Mailbox, letter: AutomaticLetter, claim: Callable[[Message], None]
) -> Message:
    """Send what a machine wrote in the name of the house of ``mailbox``. It lies in no folder and
    no conversation, weighs on no quota, and nobody is told when it fails.

    ``claim`` is called with the letter, in the same transaction: when it raises, nothing is sent.
    Raises ``SubmitError`` when its recipient cannot be written to.
    """
    refusal = check_recipient(letter.to.address)
    if refusal is not None:
        raise SubmitError([Problem(refusal, "to")])
    now = timezone.now()
    source = prepare_blob(mailbox, letter.content)
    try:
        with transaction.atomic():
            message = Message.objects.create(
                mailbox=mailbox,
                state=MessageState.AUTOMATIC,
                rfc_message_id=letter.message_id,
                date=now,
                at=now,
                from_address=letter.sender.address,
                size=len(letter.content),
                source=keep_blob(source),
            )
            claim(message)
            addressee = Addressee(letter.to, RecipientKind.TO)
            queue_letters([(message, [addressee])], None, now)
    except BaseException:
        discard_blob(source)
        raise
    return message


def _answered(draft: Message, text: DraftText) -> Message | None:
    """The message this one answers, if it lies in the same box: identities of two boxes never
    mix.
    """
    if not text.in_reply_to:
        return None
    return (
        Message.objects.filter(pk=text.in_reply_to, mailbox=draft.mailbox)
        .exclude(state__in=(MessageState.DRAFT, MessageState.AUTOMATIC))
        .first()
    )


def _references(original: Message | None) -> tuple[str, ...]:
    """RFC 5322 §3.6.4: the original's references, then its own identifier."""
    if original is None or not original.rfc_message_id:
        return ()
    return (*original.references.split(), original.rfc_message_id)


def _freeze(
    draft: Message,
    actor: User,
    source: Blob,
    original: Message | None,
    *,
    message_id: str,
    size: int,
    at: datetime,
) -> None:
    """draft → sent, once: whoever comes second finds no draft."""
    mailbox = draft.mailbox
    references = _references(original)
    changed = Message.objects.filter(
        pk=draft.pk, state=MessageState.DRAFT, version=draft.version
    ).update(
        state=MessageState.SENT,
        folder=folder_of(mailbox, FolderRole.SENT),
        thread=find_thread(mailbox, reversed(references)),
        author=actor,
        rfc_message_id=message_id,
        in_reply_to=references[-1] if references else "",
        references=" ".join(references),
        date=at,
        at=at,
        size=size,
        source=source,
        sealed_from=seal_person(mailbox, sender_of(mailbox)),
    )
    if changed != 1:
        raise AlreadySentError
    note_change(mailbox.pk, used_bytes=source.size)
    record_events([sent_event(draft, actor, size)])
