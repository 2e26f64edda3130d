"""What the sweep finds on the outgoing road: rows whose worker died, letters that waited too long.

It knows rows and times, no peer.
"""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from webmail import tracking
from webmail.leases import can_judge_leases, shorten_leases
from webmail.models import Delivery, DeliveryState, MessageState
from webmail.outbound.bounce import Fate, fail_all_and_tell, outcome_so_far, tell_of_delay
from webmail.outbound.plan import longest_wait, wait_after
from webmail.outbound.reasons import EXPIRED
from webmail.outbound.troubles import heed_latest
from webmail.tracking import WrongTransitionError

logger = logging.getLogger(__name__)

_MOST_A_SWEEP: Final = 200  # Each notice is encrypted; the sweep has other things to do too.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)  # Of two of our machines, at the most.


def heed_clock() -> None:
    """Nothing waits, and no claim lasts, longer than we ever make it: after the clock was set back,
    both would by as much.
    """
    soon = timezone.now() + _CLOCKS_DIFFER
    # Nothing but a peer in trouble, which leaves its reason, makes a letter wait for its first try.
    tracking.bring_forward(Delivery.objects.filter(attempts=0, reason=""), latest=soon)
    tracking.bring_forward(Delivery.objects.all(), latest=soon + longest_wait())
    heed_latest(soon + longest_wait())
    shorten_leases(Delivery.objects.filter(state=DeliveryState.IN_FLIGHT))


def release_dead_leases() -> None:
    """Rows in flight whose worker renewed no lease: queued again, uncertain when the final dot had
    left.
    """
    if not can_judge_leases():
        return
    now = timezone.now()
    dead = Delivery.objects.filter(state=DeliveryState.IN_FLIGHT, lease_until__lt=now)
    for delivery in dead.select_related("message"):
        with contextlib.suppress(WrongTransitionError):
            # After a crash at once; a letter on which workers keep dying waits like any other.
            is_first = delivery.attempts <= 1
            wait = timedelta() if is_first else wait_after(delivery.attempts - 1)
            tracking.release_expired(delivery, now=now, next_attempt_at=now + wait)
            logger.warning("event=lease_expired delivery=%s", delivery.pk)


def tell_of_delays() -> None:
    """Letters of people that have waited for hours: their senders are told, once for each
    recipient; one notice for a letter.
    """
    late = Delivery.objects.filter(
        state__in=(DeliveryState.QUEUED, DeliveryState.DEFERRED),
        delay_told_at__isnull=True,
        created_at__lt=timezone.now() - timedelta(hours=settings.DELAY_NOTICE_HOURS),
    ).exclude(message__state=MessageState.AUTOMATIC)
    for deliveries in _by_letter(late):
        # Two sweepers at once: the second one finds the rows told, and tells nothing.
        with contextlib.suppress(WrongTransitionError):
            tell_of_delay(deliveries)


def expire_old() -> None:
    """Past the limit and waiting, or in flight with a dead worker: failed, and the sender is told.
    Medical mail that waits two days must be sent another way.
    """
    now = timezone.now()
    limit = now - timedelta(hours=settings.RETRY_EXPIRY_HOURS)
    old = Delivery.objects.filter(
        Q(state__in=(DeliveryState.QUEUED, DeliveryState.DEFERRED))
        | Q(state=DeliveryState.IN_FLIGHT, lease_until__lt=now),
        created_at__lt=limit,
    )
    for deliveries in _by_letter(old):
        fates = [Fate(one, replace(outcome_so_far(one), reason=EXPIRED)) for one in deliveries]
        # All of a letter's or none: where one was taken up meanwhile, the next sweep sees to the
        # others.
        with contextlib.suppress(WrongTransitionError):
            fail_all_and_tell(fates, partial(_expire_all, fates, now))


def _by_letter(rows: QuerySet[Delivery]) -> list[list[Delivery]]:
    """A sweep's share of ``rows``, letter by letter, the oldest first."""
    related = rows.select_related("message__mailbox", "message__source", "recipient")
    letters: dict[int, list[Delivery]] = {}
    for delivery in related.order_by("created_at", "message_id", "pk")[:_MOST_A_SWEEP]:
        letters.setdefault(delivery.message_id, []).append(delivery)
    return list(letters.values())


def _expire_all(fates: Sequence[Fate], now: datetime) -> None:
    for fate in fates:
        tracking.expire(fate.delivery, fate.outcome, now=now)
