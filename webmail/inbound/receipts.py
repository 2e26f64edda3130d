"""Who is to be told that a letter lies in its box: peers that asked for it on the envelope (RFC
3461), or by the header ``Return-Receipt-To`` alone.

It writes the wish, a row in the transaction of the deposit; the outgoing road writes the letter.
It knows envelopes and headers, and sends nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from directory.trust.whitelist import is_trusted_name
from webmail.inbound.deposit import Arrival
from webmail.mime.addresses import domain_of, is_valid_address
from webmail.mime.envelope import parse_header_addresses
from webmail.mime.esmtp import SUCCESS
from webmail.models import AutomaticKind, AutomaticMessage, InboundRecipient, Message
from webmail.store.sealed import seal_text

_HEADER = "return-receipt-to"


@dataclass(frozen=True, slots=True)
class Deposited:
    """One copy that lies in its box now."""

    recipient: InboundRecipient
    arrival: Arrival
    message: Message


def ask_for_receipts(copies: Sequence[Deposited]) -> None:
    """A report of each deposit somebody is to be told of; once, however often the letter came.

    Nobody is told of a report or of what has no sender (RFC 3461 §6.2), nor by whom it came from
    our own house, where the delivery itself is told.
    """
    wishes = [(copy, to) for copy in copies if (to := _asked_by(copy))]
    if not wishes:
        return
    now = timezone.now()
    AutomaticMessage.objects.bulk_create(
        (
            AutomaticMessage(
                kind=AutomaticKind.DELIVERED,
                created_at=now,
                recipient=copy.recipient,
                about=copy.message,
                sealed_to=seal_text(copy.recipient.mailbox, "automatic_to", to),
            )
            for copy, to in wishes
        ),
        ignore_conflicts=True,
    )


def _asked_by(copy: Deposited) -> str:
    """The address of whoever is to be told; empty for nobody."""
    arrival, notify = copy.arrival, copy.recipient.notify
    if not arrival.envelope_from or not arrival.peer_dn or is_report(arrival):
        return ""
    if notify:
        asked = SUCCESS in notify.split(",")
        return arrival.envelope_from if asked else ""
    return _header_asks(arrival)


def _header_asks(arrival: Arrival) -> str:
    """The address of the header, if the peer may speak for it: nobody has us write to a third
    party.
    """
    if arrival.parsed.auto_submitted:
        return ""
    values = [value for name, value in arrival.parsed.headers if name.lower() == _HEADER]
    found = parse_header_addresses(values)
    if len(found) != 1 or not is_valid_address(found[0].address):
        return ""
    address = found[0].address
    return address if is_trusted_name(domain_of(address), arrival.peer_dn) else ""


def is_report(arrival: Arrival) -> bool:
    """By its header, so that no other letter is read twice."""
    return any(
        name.lower() == "content-type" and "report" in value.lower()
        for name, value in arrival.parsed.headers
    )
