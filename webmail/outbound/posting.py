"""A letter's last steps before it is the workers' affair: its identifier, its bytes, its rows in
the outbox. ``submit`` alone calls them; they ask for no permission and know no draft.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction

from accounts.audit.events import Event
from accounts.audit.record import Entry, record_events
from accounts.models import User
from webmail.mailbox.filing import people_of
from webmail.mailbox.reading import reading_of_text
from webmail.mime.addresses import domain_of
from webmail.mime.compose import compose_message, encoded_size
from webmail.mime.types import Address, MimeError, OutgoingAttachment, OutgoingMessage
from webmail.models import Delivery, Mailbox, Message, Recipient, RecipientKind
from webmail.outbound.addressing import Addressee, Problem
from webmail.outbound.drafts import DraftText
from webmail.outbound.tasks import ring_domain
from webmail.store.blobs import PreparedBlob, prepare_blob


class SubmitError(Exception):
    """The letter stays a draft; ``problems`` says all that stands against it, for the page to
    phrase.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(", ".join(problem.reason for problem in problems))
        self.problems = tuple(problems)


def new_identifier(mailbox: Mailbox) -> str:
    return f"{secrets.token_hex(16)}@{domain_of(mailbox.address)}"


def prepare_blobs(mailbox: Mailbox, content: bytes, body: str) -> tuple[PreparedBlob, PreparedBlob]:
    reading = reading_of_text(body).to_bytes()
    return prepare_blob(mailbox, content), prepare_blob(mailbox, reading)


def size_problems(text: DraftText, sizes: Iterable[int]) -> list[Problem]:
    if encoded_size(text.body, sizes) > settings.MESSAGE_SIZE_LIMIT_OUT:
        return [Problem("too_big", "attachments")]
    return []


def compose_letter(
    mailbox: Mailbox,
    text: DraftText,
    addressees: Sequence[Addressee],
    files: Sequence[OutgoingAttachment],
    *,
    references: tuple[str, ...],
    message_id: str,
    at: datetime,
) -> bytes:
    nil = settings.MSS_NIL
    try:
        return compose_message(
            OutgoingMessage(
                from_=sender_of(mailbox),
                to=tuple(one.person for one in addressees if one.kind == RecipientKind.TO),
                cc=tuple(one.person for one in addressees if one.kind == RecipientKind.CC),
                subject=text.subject,
                text=text.body,
                date=at,
                message_id=message_id,
                in_reply_to=references[-1] if references else "",
                references=references,
                attachments=tuple(files),
                extra_headers=(("X-MSS-NIL", nil),) if nil else (),
            )
        )
    except MimeError:
        raise SubmitError([Problem("cannot_be_written", "body")]) from None


def sender_of(mailbox: Mailbox) -> Address:
    """From: the box's own name and address, never the person's own choice."""
    return Address(mailbox.name, mailbox.address)


def sent_event(message: Message, actor: User, size: int) -> Entry:
    return Entry(
        Event.MAILBOX_MESSAGE_SENT,
        actor=actor,
        mailbox_id=message.mailbox_id,
        message_id=message.pk,
        detail={"size": size},
    )


def queue_letters(
    letters: Sequence[tuple[Message, Sequence[Addressee]]], actor: User | None, now: datetime
) -> None:
    """One outbox row per recipient of each letter; the bells ring on commit. What a machine wrote
    (no ``actor``) is in no box's outbox.
    """
    recipients = Recipient.objects.bulk_create(
        person for message, addressees in letters for person in _recipients(message, addressees)
    )
    deliveries = Delivery.objects.bulk_create(
        Delivery(
            message=recipient.message,
            mailbox=recipient.message.mailbox if actor is not None else None,
            recipient=recipient,
            domain=domain_of(recipient.address),
            state_at=now,
            created_at=now,
            next_attempt_at=now,
        )
        for recipient in recipients
    )
    record_events(
        Entry(
            Event.DELIVERY_QUEUED,
            actor=actor,
            mailbox_id=delivery.mailbox_id,
            message_id=delivery.message_id,
            detail={"delivery": delivery.pk, "domain": delivery.domain},
        )
        for delivery in deliveries
    )
    for domain in sorted({delivery.domain for delivery in deliveries}):
        transaction.on_commit(partial(ring_domain, domain))


def _recipients(message: Message, addressees: Sequence[Addressee]) -> list[Recipient]:
    rows: list[Recipient] = []
    for kind in (RecipientKind.TO, RecipientKind.CC):
        people = [one.person for one in addressees if one.kind == kind]
        rows += people_of(message, kind, people, first=len(rows))
    return rows
