"""On failure, a plain notice to the sender, in the sender's own box, by the one way in. It never
leaves the house.

It knows a failed delivery; why it failed is worded for people here, since the notice is a letter
like any other.
"""

import secrets

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from webmail.inbound.spool import SpoolRecipient, spool_local
from webmail.mailbox.reading import source_of, subject_of
from webmail.mime.addresses import domain_of
from webmail.mime.reports import compose_bounce
from webmail.mime.types import Address, DeliveryStatus
from webmail.models import Delivery
from webmail.outbound.reasons import cure_of, sentence_of

_HEADER_END = b"\r\n\r\n"
NULL_SENDER = ""


def tell_sender(delivery: Delivery) -> None:
    """Put a delivery report (RFC 3464) with one plain sentence into the sender's box; headers only,
    no content comes back.
    """
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
            "sentence": sentence_of(delivery.reason),
            "cure": cure_of(delivery.reason),
        }
        sender_name = _("Mail service")
    status = DeliveryStatus(
        recipient=delivery.recipient.address,
        action="failed",
        status=delivery.enhanced_code if delivery.enhanced_code.startswith("5.") else "5.0.0",
        diagnostic=f"{delivery.smtp_code or ''} {delivery.diagnostic}".strip() or delivery.reason,
    )
    domain = domain_of(mailbox.address)
    content = compose_bounce(
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
    spool_local(content, envelope_from=NULL_SENDER, recipients=[SpoolRecipient(mailbox)])
