"""Writes what an attempt ended in: tried again later by the plan, or failed with a notice.

It knows rows and outcomes, no peer and no letter.
"""

from functools import partial

from django.utils import timezone

from webmail import tracking
from webmail.models import Delivery
from webmail.outbound.bounce import fail_and_tell
from webmail.outbound.plan import wait_after
from webmail.tracking import Outcome


def try_again(
    delivery: Delivery, outcome: Outcome, token: str, *, is_uncertain: bool = False
) -> None:
    """in flight → deferred, until the plan says so."""
    tracking.defer(
        delivery,
        outcome,
        token=token,
        next_attempt_at=timezone.now() + wait_after(delivery.attempts),
        is_uncertain=is_uncertain,
    )


def fail_for_good(delivery: Delivery, outcome: Outcome, token: str) -> None:
    """in flight → failed, and the sender is told."""
    fail_and_tell(delivery, outcome, partial(tracking.fail, delivery, outcome, token=token))
