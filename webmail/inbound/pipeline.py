"""A message's way from the spool into its mailboxes: claim the row, parse, report or deposit, done;
or retry; or set aside.

It decides among «done», «again later» and «an operator must look»; it does not know how to parse,
file or track, and it never lets a message go before every mailbox has its copy.
"""

import logging
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import record_event
from webmail import tracking
from webmail.inbound.deposit import Arrival, deposit_message
from webmail.inbound.files import read_spool_file, remove_spool_file
from webmail.inbound.reports import apply_report
from webmail.leases import kept_lease
from webmail.mime.parse import parse_message
from webmail.models import InboundMessage, InboundRecipient, SpoolState

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 60


def process(inbound_id: int) -> None:
    """One attempt at one message. Does nothing when the row is not due, is another worker's, or is
    done.
    """
    inbound = _claim(inbound_id)
    if inbound is None:
        return
    try:
        with kept_lease(InboundMessage.objects.filter(pk=inbound.pk), inbound.lease_token):
            _deposit_everywhere(inbound)
    except Exception as error:  # noqa: BLE001  (One of the three places that must survive anything: the message stays.)
        _postpone(inbound, error)
        return
    _finish(inbound)


def _claim(inbound_id: int) -> InboundMessage | None:
    now = timezone.now()
    token = secrets.token_hex(16)
    changed = InboundMessage.objects.filter(
        Q(state=SpoolState.WAITING, next_attempt_at__lte=now)
        | Q(state=SpoolState.PROCESSING, lease_until__lt=now),
        pk=inbound_id,
    ).update(
        state=SpoolState.PROCESSING,
        attempts=F("attempts") + 1,
        lease_token=token,
        lease_until=now + timedelta(seconds=settings.LEASE_SECONDS),
    )
    if changed != 1:
        return None
    inbound = InboundMessage.objects.get(pk=inbound_id)
    if inbound.attempts > settings.SPOOL_POISON_LIMIT:
        # Its workers died on it, without even an exception: it is not tried for ever.
        _set_aside(inbound, "WorkerDied")
        return None
    return inbound


def _deposit_everywhere(inbound: InboundMessage) -> None:
    raw = read_spool_file(inbound.name, inbound.wrapped_key)
    parsed = parse_message(raw)
    arrival = Arrival(
        raw=raw,
        parsed=parsed,
        received_at=inbound.received_at,
        envelope_from=inbound.envelope_from,
        peer_host=inbound.peer_host,
        peer_name=inbound.peer_name,
        tls_version=inbound.tls_version,
        is_local=not inbound.peer_dn,
        spool_id=inbound.pk,
    )
    apply_report(raw, peer_dn=inbound.peer_dn)
    waiting = inbound.recipients.filter(deposited_at__isnull=True)
    for recipient in waiting.select_related("mailbox", "delivery__message"):
        _deposit_one(recipient, arrival)


def _deposit_one(recipient: InboundRecipient, arrival: Arrival) -> None:
    prepared = deposit_message(recipient.mailbox, arrival)
    with transaction.atomic():
        changed = InboundRecipient.objects.filter(
            pk=recipient.pk, deposited_at__isnull=True
        ).update(deposited_at=timezone.now(), deposited=prepared)
        if changed == 1 and recipient.delivery is not None:
            tracking.note_delivered(recipient.delivery)


def _finish(inbound: InboundMessage) -> None:
    """Every mailbox has its copy, committed: the spool's own may go."""
    changed = InboundMessage.objects.filter(
        pk=inbound.pk, state=SpoolState.PROCESSING, lease_token=inbound.lease_token
    ).update(state=SpoolState.DONE, lease_token="", lease_until=None, next_attempt_at=None)
    if changed == 1:
        remove_spool_file(inbound.name)


def _postpone(inbound: InboundMessage, error: Exception) -> None:
    problem = type(error).__name__
    logger.error(
        "event=pipeline_failed spool=%s attempt=%s error=%s", inbound.pk, inbound.attempts, problem
    )
    if inbound.attempts >= settings.SPOOL_POISON_LIMIT:
        _set_aside(inbound, problem)
        return
    InboundMessage.objects.filter(pk=inbound.pk, lease_token=inbound.lease_token).update(
        state=SpoolState.WAITING,
        problem=problem,
        lease_token="",
        lease_until=None,
        next_attempt_at=timezone.now() + timedelta(seconds=_RETRY_SECONDS),
    )


@transaction.atomic
def _set_aside(inbound: InboundMessage, problem: str) -> None:
    """Keep the message where it is, out of the way, for an operator: it is never lost and never
    retried for ever.
    """
    changed = InboundMessage.objects.filter(pk=inbound.pk, lease_token=inbound.lease_token).update(
        state=SpoolState.SET_ASIDE,
        problem=problem,
        lease_token="",
        lease_until=None,
        next_attempt_at=None,
    )
    if changed == 1:
        logger.error("event=message_set_aside spool=%s problem=%s", inbound.pk, problem)
        record_event(
            Event.INBOUND_MESSAGE_SET_ASIDE, detail={"spool": inbound.pk, "problem": problem}
        )
