"""On failure, a plain notice to the sender, in the sender's own box, by the one way in. It never
leaves the house.

It knows a failed delivery; why it failed is worded for people here, since the notice is a letter
like any other.
"""

import secrets
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from webmail.inbound.spool import (
    Origin,
    SpoolRecipient,
    abandon_file,
    commit_to_spool,
    prepare_content,
)
from webmail.mailbox.reading import source_of, subject_of
from webmail.mime.addresses import domain_of
from webmail.mime.reports import compose_bounce
from webmail.mime.types import Address, DeliveryStatus
from webmail.models import Delivery
from webmail.outbound.reasons import cure_of, sentence_of
from webmail.tracking import Outcome

_HEADER_END = b"\r\n\r\n"
NULL_SENDER = ""


def fail_and_tell(delivery: Delivery, outcome: Outcome, fail: Callable[[], None]) -> None:
    """Let ``fail`` write the failure, and put its notice into the sender's box: both or neither.

    Raises what ``fail`` raises; there is no notice then.
    """
    file = prepare_content(_notice(delivery, outcome))
    try:
        with transaction.atomic():
            fail()
            to_sender = SpoolRecipient(delivery.message.mailbox)
            commit_to_spool(file, Origin(envelope_from=NULL_SENDER), [to_sender])
    except BaseException:
        abandon_file(file)
        raise


def _notice(delivery: Delivery, outcome: Outcome) -> bytes:
    """A delivery report (RFC 3464) with one plain sentence; headers only, no content comes back."""
    message = delivery.message
    mailbox = message.mailbox
    headers = source_of(message).partition(_HEADER_END)[0] + b"\r\n"
    with translation.override(settings.LANGUAGE_CODE):
        subject = _("Not delivered: %(subject)s") % {
            "subject": subject_of(message) or _("(no subject)")
        }
        text = _(
            "Your letter of %(date)s to %(recipient)s was not delivered.\n\n%(sentence)s\n%(cure)s"
        ) % {
            "date": timezone.localtime(delivery.created_at).strftime("%d/%m/%Y %H:%M"),
            "recipient": delivery.recipient.address,
            "sentence": sentence_of(outcome.reason),
            "cure": cure_of(outcome.reason),
        }
        sender_name = _("Mail service")
    status = DeliveryStatus(
        recipient=delivery.recipient.address,
        action="failed",
        status=outcome.enhanced_code if outcome.enhanced_code.startswith("5.") else "5.0.0",
        diagnostic=f"{outcome.smtp_code or ''} {outcome.diagnostic}".strip() or outcome.reason,
    )
    domain = domain_of(mailbox.address)
    return compose_bounce(
        from_=Address(sender_name, f"mailer-daemon@{domain}"),
        to=Address(mailbox.name, mailbox.address),
        reporting_mta=settings.SMTP_EHLO_NAME,
        original_message_id=message.rfc_message_id,
        original_headers=headers,
        failures=[status],
        text=text,
        subject=subject,
        message_id=f"{secrets.token_hex(16)}@{domain}",
        date=timezone.now(),
    )
