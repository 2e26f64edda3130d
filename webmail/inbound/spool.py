"""The one way into the house: a message, whole and on disk, with its envelope, in one row. After
it, and only then, a 250.

Mail from peers and mail between our own boxes both come through here. It does not know how a
message arrived or what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import record_event
from webmail.inbound.files import SpoolFile
from webmail.inbound.tasks import ring_inbound
from webmail.mime.addresses import domain_of
from webmail.models import Delivery, InboundMessage, InboundRecipient, Mailbox
from webmail.store.sealed import plain_address


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
        file.seal()
        return _write_rows(file, origin, recipients)
    except BaseException:
        abandon_file(file)
        raise


def abandon_file(file: SpoolFile) -> None:
    """Remove the file of a message whose rows were not committed.

    A commit whose answer was lost may have happened all the same: while a row holds the file, or
    nobody can tell, it stays. An orphan harms nobody; a row without its file is a lost letter.
    """
    try:
        is_held = InboundMessage.objects.filter(name=file.name).exists()
    except DatabaseError:
        return
    if not is_held:
        file.discard()


def _write_rows(
    file: SpoolFile, origin: Origin, recipients: Sequence[SpoolRecipient]
) -> InboundMessage:
    with transaction.atomic():
        now = timezone.now()
        inbound = InboundMessage.objects.create(
            name=file.name,
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
        InboundRecipient.objects.bulk_create(
            InboundRecipient(inbound=inbound, mailbox=one.mailbox, delivery=one.delivery)
            for one in recipients
        )
        record_event(
            Event.INBOUND_MESSAGE_ACCEPTED,
            detail={
                "spool": inbound.pk,
                "domain": domain_of(origin.envelope_from),
                "peer_dn": origin.peer_dn,
                "tls": origin.tls_version,
                "whitelist": origin.whitelist_version,
                "size": file.size,
                "recipients": len(recipients),
            },
        )
        inbound_id = inbound.pk
        transaction.on_commit(lambda: ring_inbound(inbound_id))
    return inbound


def prepare_content(content: bytes) -> SpoolFile:
    """A message from our own house, sealed in the spool. Slow work, done before the caller opens
    its transaction.
    """
    file = SpoolFile()
    try:
        file.write(content)
        file.seal()
    except BaseException:
        file.discard()
        raise
    return file
