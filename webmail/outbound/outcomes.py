"""Writes what an attempt ended in: accepted, tried again by the plan, or failed with a notice.

It knows rows, replies and errors; it opens no connection and reads no letter.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from webmail import tracking
from webmail.models import Delivery, DeliveryState
from webmail.outbound.bounce import fail_and_tell
from webmail.outbound.codes import reason_of
from webmail.outbound.peers import PeerFacts
from webmail.outbound.plan import wait_after
from webmail.outbound.replies import OUR_OWN, PeerReply, TransportError
from webmail.tracking import Outcome

logger = logging.getLogger(__name__)

# Together less than a lease lasts.
_PAUSES: Final = (0.2, 1.0, 3.0, 6.0)


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


def write_reply(delivery: Delivery, reply: PeerReply, facts: PeerFacts, *, token: str) -> None:
    """What the peer said of one recipient.

    It must not be lost for a database that is away for a moment: the letter would go twice.
    """
    outcome = Outcome(
        reason="" if reply.is_ok else reason_of(reply.code, reply.enhanced),
        smtp_code=reply.code,
        enhanced_code=reply.enhanced[:12],
        diagnostic=reply.text,
        **facts,
    )
    if reply.is_ok:
        _write_at_last(partial(tracking.accept, delivery, outcome, token=token))
    elif reply.is_permanent:
        _write_at_last(partial(fail_for_good, delivery, outcome, token))
    else:
        _write_at_last(partial(try_again, delivery, outcome, token))


def write_broken(
    deliveries: Sequence[Delivery], error: TransportError, facts: PeerFacts, *, token: str
) -> None:
    """The conversation failed as a whole: the same outcome for each row that has none yet."""
    reply = error.reply
    outcome = Outcome(
        reason=error.reason,
        smtp_code=(reply.code or None) if reply else None,
        enhanced_code=reply.enhanced[:12] if reply else "",
        diagnostic=reply.text if reply else "",
        **facts,
    )
    pks = [delivery.pk for delivery in deliveries]
    rows = Delivery.objects.filter(pk__in=pks, state=DeliveryState.IN_FLIGHT, lease_token=token)
    for delivery in rows.select_related("message__mailbox", "message__source", "recipient"):
        if error.permanent:
            fail_for_good(delivery, outcome, token)
        else:
            # A failure of our own may come after the dot: the row knows whether it had left.
            is_uncertain = error.after_dot or (
                error.reason == OUR_OWN and delivery.dot_at is not None
            )
            try_again(delivery, outcome, token, is_uncertain=is_uncertain)


def _write_at_last(write: Callable[[], None]) -> None:
    """Try ``write``, and again after a pause. Raises what the last try raised."""
    for pause in _PAUSES:
        try:
            write()
        except (OperationalError, InterfaceError) as error:
            logger.warning("event=outcome_waits error=%s", type(error).__name__)
            close_old_connections()
            time.sleep(pause)
        else:
            return
    write()
