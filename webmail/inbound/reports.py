"""Reports on letters of ours that come in by the ordinary road: what they say goes to ``tracking``,
for the delivery they concern.

A report counts only when it comes from the operator the letter went to and names a letter and a
recipient we know; any other stays an ordinary letter. It knows parsed reports and delivery rows, no
page.
"""

import logging

from directory.trust.whitelist import is_trusted_name
from webmail import tracking
from webmail.mime.addresses import normalise_address
from webmail.mime.reports import parse_report
from webmail.mime.types import DeliveryStatus, Report
from webmail.models import Delivery, MessageState
from webmail.tracking import Outcome

logger = logging.getLogger(__name__)


def apply_report(raw: bytes, *, peer_dn: str) -> None:
    """Change the state of each delivery the report in ``raw`` truly concerns; do nothing when it is
    no report.
    """
    report = parse_report(raw)
    if report is None or not peer_dn or not report.original_message_id:
        return
    for status in report.recipients:
        delivery = _delivery(report, status, peer_dn)
        if delivery is None:
            logger.info("event=report_unmatched kind=%s", report.kind)
            continue
        _apply(report, status, delivery)


def _delivery(report: Report, status: DeliveryStatus, peer_dn: str) -> Delivery | None:
    delivery = (
        Delivery.objects.filter(
            message__rfc_message_id=report.original_message_id,
            message__state=MessageState.SENT,
            recipient__address__iexact=normalise_address(status.recipient),
        )
        .select_related("message")
        .first()
    )
    # Only the operator we handed the letter to may speak of it: the certificate that brings the
    # report serves that domain.
    if delivery is None or not is_trusted_name(delivery.domain, peer_dn):
        return None
    return delivery


def _apply(report: Report, status: DeliveryStatus, delivery: Delivery) -> None:
    outcome = Outcome(
        reason="reported",
        enhanced_code=status.status[:12],
        diagnostic=status.diagnostic[:1000],
    )
    if status.action == "failed":
        # Of a disposition report too: «processed/error» says that software could not take the
        # letter in.
        tracking.note_failed(delivery, outcome)
    elif report.kind == "mdn" and status.diagnostic == "displayed":
        # RFC 8098 §3.2.6.2: only «displayed» says that it was shown to a person.
        tracking.note_read(delivery, outcome)
    elif status.action == "delivered":
        tracking.note_delivered(delivery, outcome)
