"""Messages' way from the spool into their mailboxes: claim the rows, parse, report, deposit, done;
or retry; or set aside. Several at a time, since what costs is the transaction.

It decides among «done», «again later» and «an operator must look»; it does not know how to parse,
file or track, and it never lets a message go before every mailbox has its copy.
"""

import errno
import logging
import math
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import record_event
from webmail import tracking
from webmail.inbound.deposit import (
    Arrival,
    Copy,
    discard_copies,
    prepare_copies,
    write_copies,
)
from webmail.inbound.files import read_spooled, remove_spool_file
from webmail.inbound.receipts import Deposited, ask_for_receipts, is_report
from webmail.inbound.reports import Heard, apply_report, hear_report, note_absorbed
from webmail.leases import kept_lease, shorten_leases
from webmail.mime.parse import parse_message
from webmail.models import InboundMessage, InboundRecipient, SpoolState

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 60
_MOST_AT_ONCE = 25
_MOST_BYTES_AT_ONCE = 4 * 1024 * 1024  # Of all copies.
_OVERHEAD = 4096  # What a copy weighs beside its content, about.
# Trouble of the house is not the letter's fault: for so long no attempt it spoils is counted.
_PATIENCE = timedelta(days=1)
_HOUSE_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


class LeaseLostError(Exception):
    """The claim went to another worker meanwhile; nothing of ours was written."""


def process_due(*, seconds: float = math.inf) -> bool:
    """Attempts at all that is due, many messages at a time, until nothing is or ``seconds`` are
    over; whether something is left.
    """
    end = time.monotonic() + seconds
    while names := _next_due():
        _process(_claim(names))
        if time.monotonic() > end:
            return has_due()
    return False


def heed_clock() -> None:
    """Nothing waits, and no claim lasts, longer than we ever make it: after the clock was set back,
    both would by as much.
    """
    now = timezone.now()
    latest = now + timedelta(seconds=2 * _RETRY_SECONDS)
    waiting = InboundMessage.objects.filter(state=SpoolState.WAITING, next_attempt_at__gt=latest)
    waiting.update(next_attempt_at=now)
    shorten_leases(InboundMessage.objects.filter(state=SpoolState.PROCESSING))


def has_due() -> bool:
    return _due().exists()


def _due() -> QuerySet[InboundMessage]:
    now = timezone.now()
    return InboundMessage.objects.filter(
        Q(state=SpoolState.WAITING, next_attempt_at__lte=now)
        | Q(state=SpoolState.PROCESSING, lease_until__lt=now)
    )


def _next_due() -> list[int]:
    """The next messages to take together. One that was tried before comes alone: what may have
    killed a worker must not take others with it.
    """
    rows = list(
        _due()
        .order_by("next_attempt_at", "pk")
        .values_list("pk", "size", "attempts")[:_MOST_AT_ONCE]
    )
    copies = _copies([pk for pk, _, _ in rows])
    batch: list[int] = []
    size = 0
    for pk, bytes_of_it, attempts in rows:
        size += (bytes_of_it + _OVERHEAD) * copies[pk]
        if batch and (attempts or size > _MOST_BYTES_AT_ONCE):
            break
        batch.append(pk)
        if attempts:
            break
    return batch


def _copies(ids: Sequence[int]) -> Counter[int]:
    """How many mailboxes each has: every copy is encrypted for itself, in memory when it is
    small.
    """
    return Counter(
        InboundRecipient.objects.filter(inbound__in=ids).values_list("inbound", flat=True)
    )


def _claim(ids: Sequence[int]) -> list[InboundMessage]:
    """Those of ``ids`` that are ours now, until the lease ends."""
    token = secrets.token_hex(16)
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    changed = (
        _due()
        .filter(pk__in=ids)
        .update(
            state=SpoolState.PROCESSING,
            attempts=F("attempts") + 1,
            lease_token=token,
            lease_until=until,
        )
    )
    if not changed:
        return []
    claimed = []
    for inbound in InboundMessage.objects.filter(pk__in=ids, lease_token=token).order_by("pk"):
        if inbound.attempts > settings.SPOOL_POISON_LIMIT:
            # Its workers died on it, without even an exception: it is not tried for ever.
            _set_aside(inbound, "WorkerDied")
        else:
            claimed.append(inbound)
    return claimed


def _process(claimed: Sequence[InboundMessage]) -> None:
    if not claimed:
        return
    rows = InboundMessage.objects.filter(pk__in=[one.pk for one in claimed])
    with kept_lease(rows, claimed[0].lease_token):
        try:
            _deposit(claimed)
        except Exception as error:  # noqa: BLE001  (One of the three places that must survive anything: the messages stay.)
            if len(claimed) == 1 and not isinstance(error, IntegrityError):
                _postpone(claimed[0], error)
                return
            # Something is wrong with one of them, or another worker had the same letter: each for
            # itself.
            for one in claimed:
                _process_alone(one)


def _process_alone(inbound: InboundMessage) -> None:
    try:
        _deposit([inbound])
    except Exception as error:  # noqa: BLE001  (As above.)
        _postpone(inbound, error)


def _deposit(claimed: Sequence[InboundMessage]) -> None:
    """Read, parse, encrypt; then report, deposit everywhere and done, in one transaction. The
    spool's own copies go when it is committed.
    """
    arrivals = {inbound.pk: _arrival(inbound) for inbound in claimed}
    recipients = list(
        InboundRecipient.objects.filter(inbound__in=arrivals, deposited_at__isnull=True)
        .select_related("mailbox", "delivery__message")
        .order_by("inbound", "pk")
    )
    heard = _hear(arrivals, recipients)
    filed = [one for one in recipients if not _is_absorbed(one, heard)]
    batch = prepare_copies([Copy(one.mailbox, arrivals[one.inbound_id]) for one in filed])
    try:
        with transaction.atomic():
            for inbound_id, report in heard.items():
                apply_report(report)
                if report.is_routine:
                    note_absorbed(report, spool_id=inbound_id)
            messages = write_copies(batch)
            ask_for_receipts(
                [
                    Deposited(one, arrivals[one.inbound_id], message)
                    for one, message in zip(filed, messages, strict=True)
                ]
            )
            for recipient in recipients:
                if recipient.delivery is not None:
                    tracking.note_delivered(recipient.delivery)
            InboundRecipient.objects.filter(pk__in=[one.pk for one in recipients]).update(
                deposited_at=timezone.now()
            )
            _finish(claimed)
    except BaseException:
        discard_copies(batch)
        raise


def _hear(arrivals: dict[int, Arrival], recipients: Sequence[InboundRecipient]) -> dict[int, Heard]:
    """The reports among these messages that are to be believed."""
    heard = {}
    for inbound_id, arrival in arrivals.items():
        ours = [one for one in recipients if one.inbound_id == inbound_id]
        if ours and is_report(arrival):
            report = hear_report(
                arrival.raw,
                peer_dn=arrival.peer_dn,
                mailboxes={one.mailbox_id for one in ours},
            )
            if report is not None:
                heard[inbound_id] = report
    return heard


def _is_absorbed(recipient: InboundRecipient, heard: dict[int, Heard]) -> bool:
    """Whether the state of its letter says to the box all that this report says."""
    report = heard.get(recipient.inbound_id)
    if report is None or report.letter.mailbox_id != recipient.mailbox_id:
        return False
    return report.is_routine


def _arrival(inbound: InboundMessage) -> Arrival:
    raw = read_spooled(inbound)
    return Arrival(
        raw=raw,
        parsed=parse_message(raw),
        received_at=inbound.received_at,
        envelope_from=inbound.envelope_from,
        peer_host=inbound.peer_host,
        peer_name=inbound.peer_name,
        tls_version=inbound.tls_version,
        is_local=not inbound.peer_dn,
        spool_id=inbound.pk,
        peer_dn=inbound.peer_dn,
    )


def _finish(claimed: Sequence[InboundMessage]) -> None:
    """Every mailbox has its copy. Raises ``LeaseLostError`` when one of them is another worker's by
    now, who deposits it as well as we do.
    """
    changed = InboundMessage.objects.filter(
        pk__in=[one.pk for one in claimed],
        state=SpoolState.PROCESSING,
        lease_token=claimed[0].lease_token,
    ).update(
        state=SpoolState.DONE, content=b"", lease_token="", lease_until=None, next_attempt_at=None
    )
    if changed != len(claimed):
        raise LeaseLostError
    for inbound in claimed:
        if not inbound.content:
            transaction.on_commit(partial(remove_spool_file, inbound.name))


def _postpone(inbound: InboundMessage, error: Exception) -> None:
    problem = type(error).__name__
    logger.error(
        "event=pipeline_failed spool=%s attempt=%s error=%s", inbound.pk, inbound.attempts, problem
    )
    is_ours = _is_trouble_of_the_house(inbound, error)
    if inbound.attempts >= settings.SPOOL_POISON_LIMIT and not is_ours:
        _set_aside(inbound, problem)
        return
    InboundMessage.objects.filter(pk=inbound.pk, lease_token=inbound.lease_token).update(
        state=SpoolState.WAITING,
        attempts=inbound.attempts - is_ours,
        problem=problem,
        lease_token="",
        lease_until=None,
        next_attempt_at=timezone.now() + timedelta(seconds=_RETRY_SECONDS),
    )


def _is_trouble_of_the_house(inbound: InboundMessage, error: Exception) -> bool:
    """A full disk or a database that is away would set aside every letter that waits."""
    is_ours = isinstance(error, OperationalError | InterfaceError) or (
        isinstance(error, OSError) and error.errno in _HOUSE_ERRORS
    )
    return is_ours and timezone.now() - inbound.received_at < _PATIENCE


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
