"""Drains one peer: claims its due letters, hands them over one connection, writes each outcome.

Claim, act, write: a claim is committed before anything is said to the peer, an outcome is written
only while the claim lasts. It knows rows and outcomes; the conversation is ``smtp``'s, the line is
``peers``'.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone

from webmail import tracking
from webmail.leases import kept_lease
from webmail.mailbox.reading import iter_source
from webmail.models import PeerState
from webmail.outbound.claims import (
    Claim,
    claim_letters,
    claimed_with,
    due_for,
    next_in_line,
    note_answering,
    place_for,
    waiting_for,
)
from webmail.outbound.closing import closing
from webmail.outbound.envelopes import envelope_name, envelope_sender, reports_wanted
from webmail.outbound.letters import Letter
from webmail.outbound.lines import borrowed_line
from webmail.outbound.local import deliver_locally
from webmail.outbound.outcomes import write_broken, write_reply
from webmail.outbound.peers import PeerLine
from webmail.outbound.plan import wait_after
from webmail.outbound.replies import OUR_OWN, PeerReply, TransportError
from webmail.outbound.routing import is_ours
from webmail.outbound.smtp import Conversation
from webmail.outbound.troubles import forget_trouble, note_trouble, trouble_of
from webmail.tracking import Outcome, WrongTransitionError

logger = logging.getLogger(__name__)

# After so many letters, or so long, the other peers have their turn.
_LETTERS_PER_RUN: Final = 200
_SECONDS_PER_RUN: Final = 60
_MOST_AT_ONCE: Final = 16
_FAST_SECONDS: Final = 1.0  # For a letter. Who is slower is given fewer letters at a time.
# What is out of order with us, for every peer: none of them is in trouble.
_NOT_THE_PEER: Final = frozenset({"whitelist_stale", "certificate_status_unknown", OUR_OWN})
# What a peer that closed a kept line meanwhile looks like; nothing was taken.
_GONE: Final = frozenset({"connection_lost", "peer_closing", "tls"})


def deliver_due(domain: str) -> list[str]:
    """Hand over what is due for ``domain``, over one connection as long as it holds. Gives the
    domains to be rung next: this one if more is due, and one that found no place before.

    Does nothing when others are at it already, when they hold all the places of sending, or when
    the peer is left alone for a while: then what is due waits as long.
    """
    trouble = trouble_of(domain)
    if trouble is not None and trouble.retry_at > timezone.now():
        outcome = Outcome(reason=trouble.reason)
        tracking.postpone(waiting_for(domain), outcome, until=trouble.retry_at)
        return []
    with place_for(domain) as has_place:
        if not has_place:
            return []
        with borrowed_line(domain) as line:
            _drain(line)
        _remember(line, trouble)
    others = [other for other in [next_in_line()] if other is not None]
    # The others had their turn by then: this one is rung last.
    return [*others, domain] if line.given_up is None and due_for(domain).exists() else others


def _remember(line: PeerLine, trouble: PeerState | None) -> None:
    """A peer that answered, or whose domain says that there is none, is in no trouble any more. Who
    was not even asked, because nothing waited, is as before.
    """
    error = line.given_up
    if trouble is not None and (
        (error is None and line.is_answering) or (error is not None and error.permanent)
    ):
        forget_trouble(line.domain)


def _drain(line: PeerLine) -> None:
    """Few letters at first and more while the peer is quick: what is claimed and not yet sent can
    be neither cancelled nor taken by another.
    """
    count, at_once, began = 0, 1, time.monotonic()
    while count < _LETTERS_PER_RUN and not closing.is_set():
        claims = claim_letters(line.domain, at_once)
        if not claims:
            return
        since = time.monotonic()
        with kept_lease(claimed_with(claims[0].token), claims[0].token):
            _attempt_all(claims, line)
        count += len(claims)
        if line.given_up is not None and not line.given_up.permanent:
            return
        now = time.monotonic()
        if now - began > _SECONDS_PER_RUN:
            return
        is_quick = now - since < _FAST_SECONDS * len(claims)
        at_once = min(at_once * 2, _MOST_AT_ONCE) if is_quick else 1


def _attempt_all(claims: Sequence[Claim], line: PeerLine) -> None:
    for number, claim in enumerate(claims):
        others = claims[number + 1 :]
        if closing.is_set():
            _hand_back(claims[number:])
            return
        try:
            _attempt(claim, line)
        except BaseException:
            # Whatever ends this run here, the letters that it did not come to need not wait until
            # their lease ends.
            _hand_back(others)
            raise
        error = line.given_up
        if error is not None and not error.permanent:
            if closing.is_set():
                # Cut off by ourselves: it says nothing of the peer.
                _hand_back(others)
                return
            until = _left_alone_until(line, error)
            outcome = Outcome(reason=error.reason, **line.facts())
            _hand_back(others, outcome, until)
            tracking.postpone(waiting_for(line.domain), outcome, until=until)
            return


def _left_alone_until(line: PeerLine, error: TransportError) -> datetime:
    if error.reason in _NOT_THE_PEER:
        return timezone.now() + wait_after(1)
    note_answering(line.domain, is_answering=False)
    if line.is_answering:
        # It worked until a moment ago: this is its first failure in a row.
        forget_trouble(line.domain)
    return note_trouble(line.domain, error.reason)


def _hand_back(
    claims: Sequence[Claim], outcome: Outcome | None = None, until: datetime | None = None
) -> None:
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
        line.note_break(error)
        if closing.is_set() and not error.after_dot and not error.permanent:
            # Ended by us in the middle, not by the peer: no attempt. Rows that are past the dot all
            # the same stay, and are written below.
            _hand_back([claim])
        write_broken(claim.deliveries, error, line.facts(), token=claim.token)
    except WrongTransitionError:
        logger.warning("event=lease_lost message=%s", claim.message.pk)
    except Exception as error:  # noqa: BLE001  (One of the three places that must survive anything.)
        logger.error(  # noqa: TRY400  (A trace may quote what was being sent.)
            "event=delivery_failed message=%s error=%s", claim.message.pk, type(error).__name__
        )
        line.close()
        broken = TransportError(OUR_OWN)
        write_broken(claim.deliveries, broken, line.facts(), token=claim.token)


def _hand_over(claim: Claim, line: PeerLine) -> None:
    conversation = line.conversation()
    is_kept = conversation.letters > 0
    try:
        replies = _send(claim, line, conversation)
    except TransportError as error:
        if not is_kept or error.after_dot or error.reason not in _GONE or closing.is_set():
            raise
        # A line that stood idle may be dead without our knowing; a new one tells.
        replies = _send(claim, line, line.conversation())
    if not line.is_answering:
        note_answering(line.domain, is_answering=True)
    line.note_answer()
    for delivery in claim.deliveries:
        try:
            reply = replies[delivery.recipient.address]
            write_reply(delivery, reply, line.facts(), token=claim.token)
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
