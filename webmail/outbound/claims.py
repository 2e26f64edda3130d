"""Who may work on what: places for conversations, and letters claimed for one of them.

A claim is committed before anything is said to the peer. It knows delivery rows and their due
times; it knows no conversation.
"""

import contextlib
import secrets
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from webmail import tracking
from webmail.models import Delivery, DeliveryState, Message
from webmail.outbound.routing import is_ours
from webmail.outbound.troubles import troubled_domains

# The conversations of this process, by domain, and the domains that answered when last asked.
_lock = threading.Lock()
_conversations: Counter[str] = Counter()
_answering: set[str] = set()
# Whom there was no place for, in their order.
_turned_away: dict[str, None] = {}


@dataclass(frozen=True, slots=True)
class Claim:
    """The rows of one letter for one peer, ours until the lease ends."""

    message: Message
    deliveries: tuple[Delivery, ...]
    token: str

    def addresses(self) -> tuple[str, ...]:
        return tuple(delivery.recipient.address for delivery in self.deliveries)


@contextlib.contextmanager
def place_for(domain: str) -> Iterator[bool]:
    """Whether there is a place for one more conversation with ``domain``; it is ours until the
    block ends.

    A silent peer must hold up nobody else: few conversations with one peer, and one alone until it
    answers; fewer in all than the workers have hands, and no more than half of them with peers that
    failed lately. Exact among the threads of a process; between processes the claimed rows tell,
    and two that look at once may both begin.
    """
    if is_ours(domain):
        yield True
        return
    troubled = troubled_domains()
    claimed = _claimed_conversations()
    with _lock:
        has_place = _take_place(domain, claimed, troubled)
    try:
        yield has_place
    finally:
        if has_place:
            with _lock:
                _conversations[domain] -= 1
                if not _conversations[domain]:
                    del _conversations[domain]


def next_in_line() -> str | None:
    """A peer for which there was no place before. To be asked by who gave one back."""
    with _lock:
        domain = next(iter(_turned_away), None)
        if domain is not None:
            del _turned_away[domain]
    return domain


def has_slot(domain: str, troubled: Collection[str]) -> bool:
    """Whether the claimed rows, of all processes, leave a place for ``domain``."""
    if is_ours(domain):
        return True
    claimed = _claimed_conversations()
    return not _is_served(domain, claimed, troubled) and _has_room(domain, claimed, troubled)


def _take_place(domain: str, claimed: Mapping[str, int], troubled: Collection[str]) -> bool:
    everywhere = (claimed, _conversations)
    if any(_is_served(domain, busy, troubled) for busy in everywhere):
        return False
    if domain in _conversations and domain not in _answering:
        return False
    if not all(_has_room(domain, busy, troubled) for busy in everywhere):
        _turned_away[domain] = None
        return False
    _turned_away.pop(domain, None)
    _conversations[domain] += 1
    return True


def _claimed_conversations() -> Counter[str]:
    live = Delivery.objects.filter(state=DeliveryState.IN_FLIGHT, lease_until__gt=timezone.now())
    busy = dict(live.values_list("lease_token", "domain").distinct())
    return Counter(domain for domain in busy.values() if not is_ours(domain))


def _is_served(domain: str, busy: Mapping[str, int], troubled: Collection[str]) -> bool:
    """Whether others are at it already, as many as may be."""
    most = 1 if domain in troubled else settings.CONNECTIONS_PER_PEER
    return busy.get(domain, 0) >= most


def _has_room(domain: str, busy: Mapping[str, int], troubled: Collection[str]) -> bool:
    if domain in troubled:
        with_troubled = sum(count for one, count in busy.items() if one in troubled)
        if with_troubled >= max(1, settings.OUTBOUND_SLOTS // 2):
            return False
    return sum(busy.values()) < settings.OUTBOUND_SLOTS


def note_answering(domain: str, *, is_answering: bool) -> None:
    """What a conversation learnt: a peer that answers may be given further ones."""
    with _lock:
        (_answering.add if is_answering else _answering.discard)(domain)


def waiting_for(domain: str) -> QuerySet[Delivery]:
    """What waits for a peer, due or not."""
    return _waiting().filter(domain=domain)


def due_for(domain: str) -> QuerySet[Delivery]:
    return due().filter(domain=domain)


def due() -> QuerySet[Delivery]:
    """What is to be tried now, for whichever peer."""
    return _waiting().filter(next_attempt_at__lte=timezone.now())


def _waiting() -> QuerySet[Delivery]:
    return Delivery.objects.filter(Q(state=DeliveryState.QUEUED) | Q(state=DeliveryState.DEFERRED))


def claimed_with(token: str) -> QuerySet[Delivery]:
    """The rows a token holds. The state is said for the index: of all letters ever sent, it holds
    those in flight.
    """
    return Delivery.objects.filter(state=DeliveryState.IN_FLIGHT, lease_token=token)


def claim_letters(domain: str, limit: int) -> list[Claim]:
    """Up to ``limit`` due letters, longest due first, each with all its due recipients at the
    peer; under one lease.
    """
    ready = due_for(domain)
    first = ready.order_by("next_attempt_at", "pk").values_list("message_id", flat=True)[:limit]
    letters = list(dict.fromkeys(first))
    if not letters:
        return []
    token = secrets.token_hex(16)
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    tracking.claim_all(ready.filter(message_id__in=letters), token=token, until=until)
    rows: dict[int, list[Delivery]] = {letter: [] for letter in letters}
    for delivery in (
        claimed_with(token)
        .select_related("recipient", "message__mailbox", "message__source")
        .order_by("pk")
    ):
        rows[delivery.message_id].append(delivery)
    return [Claim(found[0].message, tuple(found), token) for found in rows.values() if found]
