"""Drains one peer: claims its due rows letter by letter, hands them over one connection, writes
each outcome.

Claim, act, write: a claim is committed before anything is said to the peer, an outcome is written
only while the claim lasts. It knows rows and outcomes; the conversation is ``smtp``'s, the route is
``routing``'s.
"""

import contextlib
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from webmail import tracking
from webmail.leases import kept_lease
from webmail.mailbox.reading import source_of
from webmail.models import Delivery, DeliveryState, Message
from webmail.outbound.bounce import fail_and_tell
from webmail.outbound.local import deliver_locally
from webmail.outbound.outcomes import fail_for_good, try_again, wait_after
from webmail.outbound.peers import PeerLine
from webmail.outbound.routing import is_ours
from webmail.outbound.smtp import Letter, PeerReply, TransportError
from webmail.tracking import Outcome, WrongTransitionError

logger = logging.getLogger(__name__)

_LETTERS_PER_RUN = 200
_OUR_OWN = "internal"
_SILENCE = "timeout"


@dataclass(frozen=True, slots=True)
class Claim:
    """The rows of one letter for one peer, ours until the lease ends."""

    message: Message
    deliveries: tuple[Delivery, ...]
    token: str

    def addresses(self) -> tuple[str, ...]:
        return tuple(delivery.recipient.address for delivery in self.deliveries)


def deliver_due(domain: str) -> None:
    """Hand over every due letter for ``domain``, over one connection as long as it holds.

    Does nothing when others are at it already, or hold all the slots of sending: they take what is
    due, or the sweep rings again.
    """
    if not has_slot(domain):
        return
    with contextlib.closing(PeerLine(domain)) as line:
        for claim in _claims(line):
            rows = Delivery.objects.filter(pk__in=[one.pk for one in claim.deliveries])
            with kept_lease(rows, claim.token):
                _attempt(claim, line)


def has_slot(domain: str) -> bool:
    """A silent peer must hold up nobody else: few conversations with one peer, and fewer in all
    than the workers have hands, so that one is always free for what comes in.
    """
    if is_ours(domain):
        return True
    live = Delivery.objects.filter(state=DeliveryState.IN_FLIGHT, lease_until__gt=timezone.now())
    busy = dict(live.values_list("lease_token", "domain"))
    with_peer = sum(one == domain for one in busy.values())
    return with_peer < settings.CONNECTIONS_PER_PEER and len(busy) < settings.OUTBOUND_SLOTS


def _claims(line: PeerLine) -> Iterator[Claim]:
    """Due letters one by one, each claimed just before it is worked on. Once the peer is given up,
    all that is due for it, so that nothing of it is due any more.
    """
    count = 0
    while count < _LETTERS_PER_RUN or line.has_given_up:
        claim = _claim_next(line.domain)
        if claim is None:
            return
        count += 1
        yield claim


def _due(domain: str) -> Q:
    return Q(
        domain=domain,
        state__in=(DeliveryState.QUEUED, DeliveryState.DEFERRED),
        next_attempt_at__lte=timezone.now(),
    )


def _claim_next(domain: str) -> Claim | None:
    due = Delivery.objects.filter(_due(domain))
    first = due.order_by("next_attempt_at", "pk").values_list("message_id", flat=True).first()
    if first is None:
        return None
    token = secrets.token_hex(16)
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    claimed = []
    letter = due.filter(message_id=first).select_related("recipient", "message__mailbox")
    for delivery in letter.select_related("message__source"):
        # Another worker may have been faster: then the row is simply not ours.
        with contextlib.suppress(WrongTransitionError):
            if delivery.state == DeliveryState.DEFERRED:
                tracking.requeue(delivery)
            tracking.claim(delivery, token=token, until=until)
            claimed.append(delivery)
    if not claimed:
        return None
    return Claim(claimed[0].message, tuple(claimed), token)


def _attempt(claim: Claim, line: PeerLine) -> None:
    """One attempt, whatever happens an outcome: a failure nobody foresaw defers, so that no row
    stays in limbo.
    """
    try:
        if is_ours(line.domain):
            deliver_locally(claim.message, claim.deliveries, token=claim.token)
        else:
            _hand_over(claim, line)
    except TransportError as error:
        if error.reason == _SILENCE:
            line.give_up(error)
        _write_broken(claim, error, line)
    except WrongTransitionError:
        logger.warning("event=lease_lost message=%s", claim.message.pk)
    except Exception as error:  # noqa: BLE001  (One of the three places that must survive anything.)
        logger.error(  # noqa: TRY400  (A trace may quote what was being sent.)
            "event=delivery_failed message=%s error=%s", claim.message.pk, type(error).__name__
        )
        line.close()
        _write_broken(claim, TransportError(_OUR_OWN), line)


def _hand_over(claim: Claim, line: PeerLine) -> None:
    conversation = line.conversation()

    def before_dot() -> None:
        # All or none: a lease lost for one recipient leaves no mark on the others.
        with transaction.atomic():
            for delivery in claim.deliveries:
                tracking.note_final_dot(delivery, token=claim.token)

    letter = Letter(
        sender=claim.message.from_address,
        recipients=claim.addresses(),
        content=source_of(claim.message),
    )
    try:
        replies = conversation.send(letter, before_dot=before_dot)
    except BaseException:
        line.close()
        raise
    for delivery in claim.deliveries:
        try:
            _write_reply(delivery, replies[delivery.recipient.address], claim, line)
        except WrongTransitionError:
            # That one is another worker's by now; what the peer said of the others is still true.
            logger.warning("event=lease_lost delivery=%s", delivery.pk)


def _write_reply(delivery: Delivery, reply: PeerReply, claim: Claim, line: PeerLine) -> None:
    outcome = Outcome(
        reason="" if reply.is_ok else reason_of(reply),
        smtp_code=reply.code,
        enhanced_code=reply.enhanced[:12],
        diagnostic=reply.text,
        **line.facts(),
    )
    if reply.is_ok:
        tracking.accept(delivery, outcome, token=claim.token)
    elif reply.is_permanent:
        fail_for_good(delivery, outcome, claim.token)
    else:
        try_again(delivery, outcome, claim.token)


def _write_broken(claim: Claim, error: TransportError, line: PeerLine) -> None:
    """The conversation failed as a whole: the same outcome for each row that has none yet."""
    reply = error.reply
    outcome = Outcome(
        reason=error.reason,
        smtp_code=(reply.code or None) if reply else None,
        enhanced_code=reply.enhanced[:12] if reply else "",
        diagnostic=reply.text if reply else "",
        **line.facts(),
    )
    for delivery in claim.deliveries:
        delivery.refresh_from_db()
        if delivery.state != DeliveryState.IN_FLIGHT or delivery.lease_token != claim.token:
            continue
        if error.permanent:
            fail_for_good(delivery, outcome, claim.token)
        else:
            # A failure of our own may come after the dot: the row knows whether it had left.
            is_uncertain = error.after_dot or (
                error.reason == _OUR_OWN and delivery.dot_at is not None
            )
            try_again(delivery, outcome, claim.token, is_uncertain=is_uncertain)


def reason_of(reply: PeerReply) -> str:
    """The slug of a refusal: by its enhanced code (RFC 3463) when there is one, else by what the
    code usually means.
    """
    by_detail = {
        "1.1": "unknown_recipient",
        "1.2": "unknown_recipient",
        "1.10": "unknown_recipient",
        "2.1": "mailbox_closed",
        "2.2": "mailbox_full",
        "2.3": "too_big",
        "3.4": "too_big",
    }
    detail = reply.enhanced.partition(".")[2]
    if detail in by_detail:
        return by_detail[detail]
    if detail.startswith("7."):
        return "refused_by_policy"
    return {550: "unknown_recipient", 552: "too_big", 452: "mailbox_full"}.get(
        0 if detail else reply.code, "refused"
    )


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
        Q(state=DeliveryState.DEFERRED) | Q(state=DeliveryState.IN_FLIGHT, lease_until__lt=now),
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
