"""The one way into the house: a message, whole and on disk, with its envelope, in one row. After
it, and only then, a 250.

Mail from peers and mail between our own boxes both come through here. It does not know how a
message arrived or what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import Entry, record_events
from webmail.inbound.esmtp import ReportAsked
from webmail.inbound.files import SpoolFile, sync_names
from webmail.inbound.tasks import ring_spool
from webmail.mime.addresses import domain_of
from webmail.models import Delivery, InboundMessage, InboundRecipient, Mailbox
from webmail.store.sealed import plain_address, seal_text


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message comes from. ``peer_dn`` empty: from one of our own boxes."""

    envelope_from: str
    peer_host: str = ""
    peer_name: str = ""
    peer_dn: str = ""
    tls_version: str = ""
    whitelist_version: int | None = None


@dataclass(frozen=True, slots=True)
class SpoolRecipient:
    mailbox: Mailbox
    delivery: Delivery | None = None  # Of the sending box, when it is ours.
    asked: ReportAsked = field(default_factory=ReportAsked)
    envelope_id: str = ""  # The sender's own word for the letter.


@dataclass(frozen=True, slots=True)
class Handover:
    """One message, ready for its rows."""

    file: SpoolFile
    origin: Origin
    recipients: Sequence[SpoolRecipient]


def commit_to_spool(
    file: SpoolFile, origin: Origin, recipients: Sequence[SpoolRecipient]
) -> InboundMessage:
    """Seal ``file`` and write its rows. When this returns and the caller's transaction is
    committed, the message is ours.

    Raises ``OSError`` or a database error when it is not, and nothing may be promised then. The
    bell rings on commit. From the call on, the file belongs here: a caller that is cancelled
    meanwhile must leave it alone; one with a transaction of its own around this calls
    ``abandon_file`` when that transaction fails.
    """
    try:
        message = commit_all([Handover(file, origin, recipients)])[0]
    except BaseException:
        abandon_file(file)
        raise
    transaction.on_commit(ring_spool)
    return message


def commit_all(handovers: Sequence[Handover]) -> list[InboundMessage]:
    """Seal and commit several messages in one transaction: all of them are ours, or none.

    Raises as ``commit_to_spool`` does, but leaves the files to the caller, who may try again, and
    the bell as well.
    """
    for handover in handovers:
        handover.file.seal()
    if any(handover.file.is_file for handover in handovers):
        sync_names()
    return _write_rows(handovers)


def abandon_file(file: SpoolFile) -> None:
    """Remove the file of a message whose rows were not committed.

    A commit whose answer was lost may have happened all the same: while a row holds the file, or
    nobody can tell, it stays. An orphan harms nobody; a row without its file is a lost letter.
    """
    if not file.is_file:
        return
    if not file.may_be_held:
        # It never came to a commit: however long the database is away, no files pile up.
        file.discard()
        return
    try:
        is_held = InboundMessage.objects.filter(name=file.name).exists()
    except DatabaseError:
        return
    if not is_held:
        file.discard()


def _write_rows(handovers: Sequence[Handover]) -> list[InboundMessage]:
    now = timezone.now()
    with transaction.atomic():
        messages = InboundMessage.objects.bulk_create(_row(one, now) for one in handovers)
        pairs = list(zip(messages, handovers, strict=True))
        InboundRecipient.objects.bulk_create(
            _recipient_row(message, one)
            for message, handover in pairs
            for one in handover.recipients
        )
        record_events(_event(message, handover) for message, handover in pairs)
        for handover in handovers:
            handover.file.may_be_held = True
    return messages


def _row(handover: Handover, now: datetime) -> InboundMessage:
    file, origin = handover.file, handover.origin
    return InboundMessage(
        name=file.name,
        content=file.content,
        wrapped_key=file.wrapped_key,
        size=file.size,
        received_at=now,
        next_attempt_at=now,
        envelope_from=plain_address(origin.envelope_from),
        peer_host=origin.peer_host,
        peer_name=origin.peer_name,
        peer_dn=origin.peer_dn,
        tls_version=origin.tls_version,
        whitelist_version=origin.whitelist_version,
    )


def _recipient_row(message: InboundMessage, one: SpoolRecipient) -> InboundRecipient:
    return InboundRecipient(
        inbound=message,
        mailbox=one.mailbox,
        delivery=one.delivery,
        notify=",".join(one.asked.notify),
        sealed_original=seal_text(one.mailbox, "original", one.asked.original),
        sealed_envelope_id=seal_text(one.mailbox, "envelope_id", one.envelope_id),
    )


def _event(message: InboundMessage, handover: Handover) -> Entry:
    origin = handover.origin
    return Entry(
        Event.INBOUND_MESSAGE_ACCEPTED,
        detail={
            "spool": message.pk,
            "domain": domain_of(origin.envelope_from),
            "peer_dn": origin.peer_dn,
            "tls": origin.tls_version,
            "whitelist": origin.whitelist_version,
            "size": message.size,
            "recipients": len(handover.recipients),
        },
    )


def prepare_content(content: bytes) -> SpoolFile:
    """A message from our own house, sealed. Slow work, done before the caller opens its
    transaction.
    """
    file = SpoolFile()
    try:
        file.write(content)
        file.seal()
    except BaseException:
        file.discard()
        raise
    return file
