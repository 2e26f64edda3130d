"""What a sender may do with letters that wait: have them tried now, or not sent after all.

Deliveries come in with who asks; what was in time is done, and what was not is counted. It asks for
no permission: the rows came through ``access``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import User
from webmail import tracking
from webmail.models import Delivery
from webmail.outbound.tasks import ring_domain
from webmail.outbound.troubles import forget_trouble
from webmail.tracking import WrongTransitionError


@dataclass(frozen=True, slots=True)
class Done:
    """How many were in time; ``missed`` left, or ended, before the wish came."""

    done: int
    missed: int


def retry_now(deliveries: Iterable[Delivery], *, actor: User) -> Done:
    """Due at once, and the peer is asked although it failed lately."""
    rows = list(deliveries)
    hastened = tracking.hasten_all(rows, actor=actor)
    for domain in sorted({row.domain for row in rows if row.pk in hastened}):
        forget_trouble(domain)
        ring_domain(domain)
    return Done(len(hastened), len(rows) - len(hastened))


def cancel(deliveries: Iterable[Delivery], *, actor: User) -> Done:
    """Not sent after all. What is being handed over at this moment is not stopped."""
    done = missed = 0
    for delivery in deliveries:
        try:
            tracking.cancel(delivery, actor=actor)
            done += 1
        except WrongTransitionError:
            missed += 1
    return Done(done, missed)
