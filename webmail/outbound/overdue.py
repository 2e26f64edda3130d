"""What the sweep finds on the outgoing road: rows whose worker died, letters that waited too long.

It knows rows and times, no peer.
"""

import contextlib
import logging
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from webmail import tracking
from webmail.models import Delivery, DeliveryState
from webmail.outbound.bounce import fail_and_tell
from webmail.outbound.plan import wait_after
from webmail.tracking import Outcome, WrongTransitionError

logger = logging.getLogger(__name__)


def release_dead_leases() -> None:
    """Rows in flight whose worker renewed no lease: queued again, uncertain when the final dot had
    left.
    """
    now = timezone.now()
    dead = Delivery.objects.filter(state=DeliveryState.IN_FLIGHT, lease_until__lt=now)
    for delivery in dead.select_related("message"):
        with contextlib.suppress(WrongTransitionError):
            # After a crash at once; a letter on which workers keep dying waits like any other.
            is_first = delivery.attempts <= 1
            wait = timedelta() if is_first else wait_after(delivery.attempts - 1)
            tracking.release_expired(delivery, now=now, next_attempt_at=now + wait)
            logger.warning("event=lease_expired delivery=%s", delivery.pk)


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
    for delivery in old.select_related("message__mailbox", "message__source", "recipient"):
        outcome = Outcome(
            reason="expired",
            smtp_code=delivery.smtp_code,
            enhanced_code=delivery.enhanced_code,
            diagnostic=delivery.diagnostic,
        )
        with contextlib.suppress(WrongTransitionError):
            fail = partial(tracking.expire, delivery, outcome, now=now)
            fail_and_tell(delivery, outcome, fail)
