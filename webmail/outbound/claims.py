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
    has_place = has_slot(domain, troubled)
    with _lock:
        is_first = domain not in _conversations
        has_place = has_place and _fits(domain, _conversations, troubled)
        has_place = has_place and (is_first or domain in _answering)
        if has_place:
            _conversations[domain] += 1
    try:
        yield has_place
    finally:
        if has_place:
            with _lock:
                _conversations[domain] -= 1
                if not _conversations[domain]:
                    del _conversations[domain]


def has_slot(domain: str, troubled: Collection[str]) -> bool:
    """Whether the claimed rows, of all processes, leave a place for ``domain``."""
    if is_ours(domain):
        return True
    live = Delivery.objects.filter(state=DeliveryState.IN_FLIGHT, lease_until__gt=timezone.now())
    busy = dict(live.values_list("lease_token", "domain").distinct())
    return _fits(domain, Counter(one for one in busy.values() if not is_ours(one)), troubled)


def _fits(domain: str, busy: Mapping[str, int], troubled: Collection[str]) -> bool:
    with_peer, in_all = busy.get(domain, 0), sum(busy.values())
    if domain in troubled:
        with_troubled = sum(count for one, count in busy.items() if one in troubled)
        if with_peer > 0 or with_troubled >= max(1, settings.OUTBOUND_SLOTS // 2):
            return False
    return with_peer < settings.CONNECTIONS_PER_PEER and in_all < settings.OUTBOUND_SLOTS


def note_answering(domain: str, *, is_answering: bool) -> None:
    """What a conversation learnt: a peer that answers may be given further ones."""
    with _lock:
        (_answering.add if is_answering else _answering.discard)(domain)


def waiting_for(domain: str) -> QuerySet[Delivery]:
    """What waits for a peer, due or not."""
    return Delivery.objects.filter(
        Q(state=DeliveryState.QUEUED) | Q(state=DeliveryState.DEFERRED), domain=domain
    )


def due_for(domain: str) -> QuerySet[Delivery]:
    return waiting_for(domain).filter(next_attempt_at__lte=timezone.now())


def claimed_with(token: str) -> QuerySet[Delivery]:
    """The rows a token holds. The state is said for the index: of all letters ever sent, it holds
    those in flight.
    """
    return Delivery.objects.filter(state=DeliveryState.IN_FLIGHT, lease_token=token)


def claim_letters(domain: str, limit: int) -> list[Claim]:
    """Up to ``limit`` due letters, longest due first, each with all its due recipients at the
    peer; under one lease.
    """
    due = due_for(domain)
    first = due.order_by("next_attempt_at", "pk").values_list("message_id", flat=True)[:limit]
    letters = list(dict.fromkeys(first))
    if not letters:
        return []
    token = secrets.token_hex(16)
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    tracking.claim_all(due.filter(message_id__in=letters), token=token, until=until)
    rows: dict[int, list[Delivery]] = {letter: [] for letter in letters}
    for delivery in (
        claimed_with(token)
        .select_related("recipient", "message__mailbox", "message__source")
        .order_by("pk")
    ):
        rows[delivery.message_id].append(delivery)
    return [Claim(found[0].message, tuple(found), token) for found in rows.values() if found]
