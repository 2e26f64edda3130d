"""Messages in the spool as a peer left them there, and letters of ours that wait for a report."""

from django.utils import timezone

from tests.factories.letters import PETIT, make_letter
from webmail.inbound import pipeline
from webmail.inbound.spool import Origin, SpoolRecipient, commit_to_spool, prepare_content
from webmail.mailbox.filing import folder_of
from webmail.mime.addresses import domain_of
from webmail.models import (
    Delivery,
    DeliveryState,
    FolderRole,
    InboundMessage,
    Message,
    MessageState,
    Recipient,
    RecipientKind,
    Thread,
)

PEER_DN = "CN=mss.cabinet-tilleuls.example,OU=399000000000018,O=CABINET,ST=Rhône (69),C=FR"


def spool(*mailboxes, raw=None, envelope_from=PETIT, peer_dn=PEER_DN, delivery=None, **recipient):
    """A row and its file, as after a 250; ``recipient`` is what the peer asked for."""
    raw = raw if raw is not None else make_letter()
    origin = Origin(
        envelope_from=envelope_from,
        peer_host="127.0.0.1",
        peer_name="mss.cabinet-tilleuls.example",
        peer_dn=peer_dn,
        tls_version="TLSv1.3",
    )
    recipients = [SpoolRecipient(mailbox, delivery, **recipient) for mailbox in mailboxes]
    return commit_to_spool(prepare_content(raw), origin, recipients)


def process(inbound_id):
    """The worker's turn, for one message alone."""
    pipeline._process(pipeline._claim([inbound_id]))


def make_due(inbound):
    """Time has passed: the next attempt may be made."""
    InboundMessage.objects.filter(pk=inbound.pk).update(next_attempt_at=timezone.now())
    return inbound


def make_delivery(mailbox, to=PETIT, *, message_id="notre-lettre@ch.example", state="accepted"):
    """A letter of ours that ``to``'s operator answered for."""
    now = timezone.now()
    message = Message.objects.create(
        mailbox=mailbox,
        folder=folder_of(mailbox, FolderRole.SENT),
        thread=Thread.objects.create(mailbox=mailbox),
        state=MessageState.SENT,
        rfc_message_id=message_id,
        at=now,
    )
    recipient = Recipient.objects.create(
        message=message, kind=RecipientKind.TO, position=0, address=to
    )
    return Delivery.objects.create(
        message=message,
        mailbox=mailbox,
        recipient=recipient,
        domain=domain_of(to),
        state=DeliveryState(state),
        state_at=now,
        created_at=now,
    )
