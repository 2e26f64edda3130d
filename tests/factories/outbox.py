"""Letters on their way out: written and sent by the product's verbs, or a bare row in any state."""

import secrets

from django.utils import timezone

from tests.factories.letters import PETIT
from webmail import tracking
from webmail.mailbox.filing import folder_of
from webmail.mime.types import Address
from webmail.models import (
    Delivery,
    DeliveryState,
    FolderRole,
    Message,
    MessageState,
    Recipient,
    Thread,
)
from webmail.outbound.drafts import DraftText, UploadedPart, attach_files, create_draft
from webmail.outbound.submit import submit_draft
from webmail.store.blobs import write_blob
from webmail.store.sealed import seal_person

PRACTICE_DOMAIN = "cabinet-tilleuls.mssante.example"
ROY = f"anne.roy@{PRACTICE_DOMAIN}"
BODY = "Bonjour,\n.\nPLANTED-BODY-7731\nMerci."


def write_draft(mailbox, actor, *, to=PETIT, body=BODY, files=(), **fields):
    text = DraftText(to=to, **{"subject": "Avis", "body": body, **fields})
    draft = create_draft(mailbox, actor, text)
    attach_files(draft, [UploadedPart(*file) for file in files])
    return draft


def send(mailbox, actor, **fields):
    return submit_draft(write_draft(mailbox, actor, **fields), actor)


def claim(delivery, *, token, until):
    """As a worker claims it; raises as the other verbs do when it may not."""
    attempts = Delivery.objects.get(pk=delivery.pk).attempts
    tracking.claim_all(Delivery.objects.filter(pk=delivery.pk), token=token, until=until)
    delivery.refresh_from_db()
    if delivery.attempts != attempts + 1:
        raise tracking.WrongTransitionError(f"delivery {delivery.pk} cannot be claimed")


def make_delivery(mailbox, *, state=DeliveryState.QUEUED, address=PETIT, **fields):
    """A delivery row and the sent letter above it, without asking anybody."""
    now = timezone.now()
    message_id = f"{secrets.token_hex(8)}@ch-valbrune.mssante.example"
    source = f"Subject: Avis\r\nMessage-ID: <{message_id}>\r\n\r\nPLANTED-BODY-7731\r\n"
    message = Message.objects.create(
        mailbox=mailbox,
        folder=folder_of(mailbox, FolderRole.SENT),
        thread=Thread.objects.create(mailbox=mailbox),
        state=MessageState.SENT,
        at=now,
        from_address=mailbox.address,
        rfc_message_id=message_id,
        source=write_blob(mailbox, source.encode()),
    )
    recipient = Recipient.objects.create(
        message=message,
        kind="to",
        position=0,
        address=address,
        sealed_person=seal_person(mailbox, Address("", address)),
    )
    row = {"state_at": now, "created_at": now, "next_attempt_at": now, **fields}
    return Delivery.objects.create(
        message=message,
        mailbox=mailbox,
        recipient=recipient,
        domain=address.rpartition("@")[2],
        state=state,
        **row,
    )
