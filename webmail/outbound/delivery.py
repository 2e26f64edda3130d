"""Drains one peer: claims its due letters, hands them over one connection, writes each outcome.

Claim, act, write: a claim is committed before anything is said to the peer, an outcome is written
only while the claim lasts. It knows rows and outcomes; the conversation is ``smtp``'s, the line is
``peers``'.
"""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone

from webmail import tracking
from webmail.leases import kept_lease
from webmail.mailbox.reading import iter_source
from webmail.models import Delivery, DeliveryState
from webmail.outbound.claims import Claim, claim_letters, due_for, has_slot, waiting_for
from webmail.outbound.codes import reason_of
from webmail.outbound.envelopes import envelope_name, envelope_sender, reports_wanted
from webmail.outbound.lines import borrowed_line
from webmail.outbound.local import deliver_locally
from webmail.outbound.outcomes import fail_for_good, try_again
from webmail.outbound.peers import PeerLine
from webmail.outbound.plan import wait_after
from webmail.outbound.replies import PeerReply, TransportError
from webmail.outbound.routing import is_ours
from webmail.outbound.smtp import Conversation, Letter
from webmail.outbound.troubles import forget_trouble, note_trouble, trouble_of
from webmail.tracking import Outcome, WrongTransitionError

logger = logging.getLogger(__name__)

_LETTERS_PER_RUN: Final = 200
_MOST_AT_ONCE: Final = 16
_FAST_SECONDS: Final = 1.0  # For a letter. Who is slower is given fewer letters at a time.
_OUR_OWN: Final = "internal"
# What is out of order with us, for every peer: none of them is in trouble.
_NOT_THE_PEER: Final = frozenset({"whitelist_stale", "certificate_status_unknown"})
_SILENCE: Final = "timeout"
# What a peer that closed a kept line meanwhile looks like; nothing was taken.
_GONE: Final = frozenset({"connection_lost", "peer_closing", "tls"})

# The process is to end: no further letter is begun.
closing = threading.Event()


def deliver_due(domain: str) -> bool:
    """Hand over what is due for ``domain``, over one connection as long as it holds; whether more
    is due.

    Does nothing when others are at it already, when they hold all the places of sending, or when
    the peer is left alone for a while: then what is due waits as long.
    """
    trouble = trouble_of(domain)
    if trouble is not None and trouble.retry_at > timezone.now():
        outcome = Outcome(reason=trouble.reason)
        tracking.postpone(waiting_for(domain), outcome, until=trouble.retry_at)
        return False
    if not has_slot(domain, is_troubled=trouble is not None):
        return False
    with borrowed_line(domain) as line:
        _drain(line)
        if trouble is not None and line.given_up is None:
            forget_trouble(domain)
    return line.given_up is None and due_for(domain).exists()


def _drain(line: PeerLine) -> None:
    """Few letters at first and more while the peer is quick: what is claimed and not yet sent can
    be neither cancelled nor taken by another.
    """
    count, at_once = 0, 1
    while count < _LETTERS_PER_RUN and not closing.is_set():
        claims = claim_letters(line.domain, at_once)
        if not claims:
            return
        began = time.monotonic()
        rows = Delivery.objects.filter(lease_token=claims[0].token)
        with kept_lease(rows, claims[0].token):
            _attempt_all(claims, line)
        count += len(claims)
        if line.given_up is not None and not line.given_up.permanent:
            return
        is_quick = time.monotonic() - began < _FAST_SECONDS * len(claims)
        at_once = min(at_once * 2, _MOST_AT_ONCE) if is_quick else 1


def _attempt_all(claims: Sequence[Claim], line: PeerLine) -> None:
    for number, claim in enumerate(claims):
        if closing.is_set():
            _hand_back(claims[number:], Outcome())
            return
        _attempt(claim, line)
        error = line.given_up
        if error is not None and not error.permanent:
            until = _left_alone_until(line.domain, error)
            outcome = Outcome(reason=error.reason, **line.facts())
            _hand_back(claims[number + 1 :], outcome, until)
            tracking.postpone(waiting_for(line.domain), outcome, until=until)
            return


def _left_alone_until(domain: str, error: TransportError) -> datetime:
    if error.reason in _NOT_THE_PEER:
        return timezone.now() + wait_after(1)
    return note_trouble(domain, error.reason)


def _hand_back(claims: Sequence[Claim], outcome: Outcome, until: datetime | None = None) -> None:
    deliveries = [delivery for claim in claims for delivery in claim.deliveries]
    if deliveries:
        token = claims[0].token
        at = until or timezone.now()
        tracking.hand_back(deliveries, outcome, token=token, next_attempt_at=at)


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
    is_kept = conversation.letters > 0
    try:
        replies = _send(claim, line, conversation)
    except TransportError as error:
        if not is_kept or error.after_dot or error.reason not in _GONE:
            raise
        # A line that stood idle may be dead without our knowing; a new one tells.
        replies = _send(claim, line, line.conversation())
    for delivery in claim.deliveries:
        try:
            _write_reply(delivery, replies[delivery.recipient.address], claim, line)
        except WrongTransitionError:
            # That one is another worker's by now; what the peer said of the others is still true.
            logger.warning("event=lease_lost delivery=%s", delivery.pk)


def _send(claim: Claim, line: PeerLine, conversation: Conversation) -> dict[str, PeerReply]:
    def before_dot() -> None:
        with transaction.atomic():
            for delivery in claim.deliveries:
                tracking.note_final_dot(delivery, token=claim.token)

    letter = Letter(
        sender=envelope_sender(claim.message),
        recipients=claim.addresses(),
        size=claim.message.size,
        pieces=lambda: iter_source(claim.message),
        notify=reports_wanted(claim.message),
        envelope_id=envelope_name(claim.message),
    )
    try:
        return conversation.send(letter, before_dot=before_dot)
    except BaseException:
        line.close()
        raise


def _write_reply(delivery: Delivery, reply: PeerReply, claim: Claim, line: PeerLine) -> None:
    outcome = Outcome(
        reason="" if reply.is_ok else reason_of(reply.code, reply.enhanced),
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
