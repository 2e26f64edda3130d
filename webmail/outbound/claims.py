"""Who may work on what: places for conversations, and letters claimed for one of them.

A claim is committed before anything is said to the peer. It knows delivery rows and their due
times; it knows no conversation.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from webmail import tracking
from webmail.models import Delivery, DeliveryState, Message
from webmail.outbound.routing import is_ours


@dataclass(frozen=True, slots=True)
class Claim:
    """The rows of one letter for one peer, ours until the lease ends."""

    message: Message
    deliveries: tuple[Delivery, ...]
    token: str

    def addresses(self) -> tuple[str, ...]:
        return tuple(delivery.recipient.address for delivery in self.deliveries)


def has_slot(domain: str, *, is_troubled: bool) -> bool:
    """A silent peer must hold up nobody else: few conversations with one peer, fewer in all than
    the workers have hands, and no more than half of them with peers that failed lately.
    """
    if is_ours(domain):
        return True
    live = Delivery.objects.filter(state=DeliveryState.IN_FLIGHT, lease_until__gt=timezone.now())
    busy = dict(live.values_list("lease_token", "domain").distinct())
    with_peer = sum(one == domain for one in busy.values())
    if is_troubled:
        return with_peer == 0 and len(busy) < settings.OUTBOUND_SLOTS // 2
    return with_peer < settings.CONNECTIONS_PER_PEER and len(busy) < settings.OUTBOUND_SLOTS


def waiting_for(domain: str) -> QuerySet[Delivery]:
    """What waits for a peer, due or not."""
    return Delivery.objects.filter(
        Q(state=DeliveryState.QUEUED) | Q(state=DeliveryState.DEFERRED), domain=domain
    )


def due_for(domain: str) -> QuerySet[Delivery]:
    return waiting_for(domain).filter(next_attempt_at__lte=timezone.now())


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
        Delivery.objects.filter(lease_token=token)
        .select_related("recipient", "message__mailbox", "message__source")
        .order_by("pk")
    ):
        rows[delivery.message_id].append(delivery)
    return [Claim(found[0].message, tuple(found), token) for found in rows.values() if found]
