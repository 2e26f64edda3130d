"""Reports on letters of ours that come in by the ordinary road: what they say goes to ``tracking``,
for the deliveries they concern.

A report counts only when it comes from the operator the letter went to, to the box that sent it,
and names a letter and a recipient we know; any other stays an ordinary letter. It knows parsed
reports and delivery rows, no page.
"""

import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.audit.events import Event
from accounts.audit.record import Entry, record_events
from directory.trust.whitelist import is_trusted_name
from webmail import tracking
from webmail.mime.addresses import normalise_address
from webmail.mime.reports import parse_report
from webmail.mime.types import DeliveryStatus, Report
from webmail.models import Delivery, DeliveryState, Message, MessageState
from webmail.store.sealed import envelope_id
from webmail.tracking import Outcome

logger = logging.getLogger(__name__)

_DIGITS_OF_A_NUMBER = 18
_DISPLAYED = "displayed"
# What a report may say and be absorbed: the state of the letter says all of it.
_ROUTINE = frozenset({"delivered", "relayed", "delayed"})
# After these, even good news is for a person to read: it contradicts what they were told.
_OVER = frozenset({DeliveryState.FAILED, DeliveryState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a report truly says of a letter of ours."""

    report: Report
    letter: Message
    said: tuple[tuple[DeliveryStatus, Delivery], ...]

    @property
    def is_routine(self) -> bool:
        """Whether it holds nothing that its letter's page would not say."""
        is_whole = len(self.said) == len(self.report.recipients) and not self.report.unread
        return is_whole and all(self._is_routine(*pair) for pair in self.said)

    def _is_routine(self, status: DeliveryStatus, delivery: Delivery) -> bool:
        if delivery.state in _OVER or status.action not in _ROUTINE:
            return False
        # Of a reader's report, anything but «displayed» is rare enough to be read.
        return self.report.kind == "dsn" or status.diagnostic == _DISPLAYED


def hear_report(raw: bytes, *, peer_dn: str, mailboxes: Collection[int]) -> Heard | None:
    """What the report in ``raw``, for these boxes, says of our deliveries; ``None`` when it is no
    report, or not one to believe.
    """
    report = parse_report(raw)
    if report is None or not peer_dn:
        return None
    letter = _letter_named(report.original_envelope_id) or _letter_of(report.original_message_id)
    if letter is None or letter.mailbox_id not in mailboxes:
        logger.info("event=report_unmatched kind=%s", report.kind)
        return None
    known = _spoken_for(letter, peer_dn)
    said = []
    for status in report.recipients:
        delivery = known.get(normalise_address(status.recipient))
        delivery = delivery or known.get(normalise_address(status.final))
        if delivery is not None:
            said.append((status, delivery))
    if len(said) < len(report.recipients):
        logger.info("event=report_unmatched kind=%s", report.kind)
    return Heard(report, letter, tuple(said)) if said else None


def _spoken_for(letter: Message, peer_dn: str) -> dict[str, Delivery]:
    """By address, the deliveries of which this peer may speak: those of the operator we handed them
    to, whose domain the certificate serves.
    """
    rows = Delivery.objects.filter(message=letter).select_related("recipient", "message")
    domains = {row.domain for row in rows}
    served = {domain for domain in domains if is_trusted_name(domain, peer_dn)}
    return {normalise_address(row.recipient.address): row for row in rows if row.domain in served}


def _letter_named(name: str) -> Message | None:
    """By the name we gave it on its envelope, which nobody else can make up."""
    number, _, _ = name.partition(".")
    if not number.isdigit() or not name.isascii() or len(number) > _DIGITS_OF_A_NUMBER:
        return None
    letter = _sent().filter(pk=int(number)).first()
    if letter is None or not secrets.compare_digest(envelope_id(letter), name):
        return None
    return letter


def _letter_of(message_id: str) -> Message | None:
    return _sent().filter(rfc_message_id=message_id).first() if message_id else None


def _sent() -> QuerySet[Message]:
    return Message.objects.filter(state=MessageState.SENT).select_related("mailbox")


def apply_report(heard: Heard) -> None:
    """Change the state, or what is shown of it, of each delivery the report concerns. Part of the
    caller's transaction.
    """
    for status, delivery in heard.said:
        _apply(heard.report, status, delivery)


def _apply(report: Report, status: DeliveryStatus, delivery: Delivery) -> None:
    outcome = Outcome(
        reason="reported_delayed" if status.action == "delayed" else "reported",
        enhanced_code=status.status[:12],
        diagnostic=status.diagnostic[:1000],
    )
    if status.action == "failed":
        # Of a disposition report too: «processed/error» says that software could not take the
        # letter in.
        tracking.note_failed(delivery, outcome)
    elif report.kind == "mdn" and status.diagnostic == _DISPLAYED:
        # RFC 8098 §3.2.6.2: only «displayed» says that it was shown to a person.
        tracking.note_read(delivery, outcome)
    elif status.action == "delivered":
        tracking.note_delivered(delivery, outcome)
    elif status.action == "delayed":
        tracking.note_delayed(delivery, outcome)
    else:
        # Relayed to where no report comes from, or expanded: no word on the mailbox itself.
        tracking.keep_report(delivery, status.action)


def note_absorbed(heard: Heard, *, spool_id: int) -> None:
    """The report made no letter in the box; its trace says so."""
    record_events(
        Entry(
            Event.DELIVERY_REPORT_ABSORBED,
            mailbox_id=heard.letter.mailbox_id,
            message_id=heard.letter.pk,
            detail={"delivery": delivery.pk, "report": status.action, "spool": spool_id},
        )
        for status, delivery in heard.said
    )
