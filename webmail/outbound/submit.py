"""The only send function: a draft becomes a letter, its bytes are frozen, and each recipient gets a
row in the outbox.

Direct, scheduled, retried and machine sends all end here. Either everything is written or nothing:
when it returns, the letter is sent as far as its author is concerned, and the workers have all they
need. It opens no connection and renders no page.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from webmail.mailbox.access import has_right
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import add_people, find_thread, folder_of
from webmail.mailbox.reading import content_of, file_name, keep_reading_blob, reading_of_text
from webmail.mime.addresses import domain_of
from webmail.mime.compose import compose_message, encoded_size
from webmail.mime.types import Address, MimeError, OutgoingAttachment, OutgoingMessage
from webmail.models import (
    Blob,
    Delivery,
    FolderRole,
    Mailbox,
    Message,
    MessageState,
    Recipient,
    RecipientKind,
    Right,
)
from webmail.outbound.addressing import Addressee, Problem, read_addressees
from webmail.outbound.drafts import DraftText, draft_text
from webmail.outbound.tasks import ring_domain
from webmail.store.blobs import release_blob, write_blob
from webmail.store.sealed import seal_person


class SubmitError(Exception):
    """The letter stays a draft; ``problems`` says all that stands against it, for the page to
    phrase.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(", ".join(problem.reason for problem in problems))
        self.problems = tuple(problems)


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
    problems = [*addressing.problems, *_size_problems(draft, text)]
    if problems:
        raise SubmitError(problems)
    now = timezone.now()
    message_id = f"{secrets.token_hex(16)}@{domain_of(mailbox.address)}"
    original = _answered(draft, text)
    content = _compose(draft, text, addressing.addressees, original, message_id, now)
    # Written before the transaction: encryption and fsync must not hold the database.
    source = write_blob(mailbox, content)
    reading = write_blob(mailbox, reading_of_text(text.body).to_bytes())
    try:
        with transaction.atomic():
            _freeze(
                draft, actor, source, original, message_id=message_id, size=len(content), at=now
            )
            keep_reading_blob(draft, reading)
            domains = _write_deliveries(draft, addressing.addressees, now)
            for domain in domains:
                transaction.on_commit(partial(ring_domain, domain))
    except BaseException:
        release_blob(source)
        release_blob(reading)
        raise
    draft.refresh_from_db()
    return draft


def _size_problems(draft: Message, text: DraftText) -> list[Problem]:
    sizes = draft.attachments.values_list("size", flat=True)
    if encoded_size(text.body, sizes) > settings.MESSAGE_SIZE_LIMIT_OUT:
        return [Problem("too_big", "attachments")]
    return []


def _answered(draft: Message, text: DraftText) -> Message | None:
    """The message this one answers, if it lies in the same box: identities of two boxes never
    mix.
    """
    if not text.in_reply_to:
        return None
    return (
        Message.objects.filter(pk=text.in_reply_to, mailbox=draft.mailbox)
        .exclude(state=MessageState.DRAFT)
        .first()
    )


def _references(original: Message | None) -> tuple[str, ...]:
    """RFC 5322 §3.6.4: the original's references, then its own identifier."""
    if original is None or not original.rfc_message_id:
        return ()
    return (*original.references.split(), original.rfc_message_id)


def _compose(
    draft: Message,
    text: DraftText,
    addressees: Sequence[Addressee],
    original: Message | None,
    message_id: str,
    now: datetime,
) -> bytes:
    references = _references(original)
    nil = settings.MSS_NIL
    try:
        return compose_message(
            OutgoingMessage(
                from_=sender_of(draft.mailbox),
                to=tuple(one.person for one in addressees if one.kind == RecipientKind.TO),
                cc=tuple(one.person for one in addressees if one.kind == RecipientKind.CC),
                subject=text.subject,
                text=text.body,
                date=now,
                message_id=message_id,
                in_reply_to=references[-1] if references else "",
                references=references,
                attachments=tuple(
                    OutgoingAttachment(file_name(part), part.content_type, content_of(part))
                    for part in draft.attachments.select_related("blob", "message__mailbox")
                ),
                extra_headers=(("X-MSS-NIL", nil),) if nil else (),
            )
        )
    except MimeError:
        raise SubmitError([Problem("cannot_be_written", "body")]) from None


def sender_of(mailbox: Mailbox) -> Address:
    """From: the box's own name and address, never the person's own choice."""
    return Address(mailbox.name, mailbox.address)


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
    record_event(
        Event.MAILBOX_MESSAGE_SENT,
        actor=actor,
        mailbox_id=mailbox.pk,
        message_id=draft.pk,
        detail={"size": size},
    )


def _write_deliveries(
    message: Message, addressees: Sequence[Addressee], now: datetime
) -> list[str]:
    """One outbox row per recipient; the domains to ring."""
    for kind in (RecipientKind.TO, RecipientKind.CC):
        people = [one.person for one in addressees if one.kind == kind]
        add_people(message, kind, people, first=message.recipients.count())
    recipients = Recipient.objects.filter(message=message)
    Delivery.objects.bulk_create(
        Delivery(
            message=message,
            recipient=recipient,
            domain=domain_of(recipient.address),
            state_at=now,
            created_at=now,
            next_attempt_at=now,
        )
        for recipient in recipients
    )
    for delivery in message.deliveries.all():
        record_event(
            Event.DELIVERY_QUEUED,
            mailbox_id=message.mailbox_id,
            message_id=message.pk,
            detail={"delivery": delivery.pk, "domain": delivery.domain},
        )
    return sorted({domain_of(recipient.address) for recipient in recipients})
