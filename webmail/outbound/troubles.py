"""Peers in trouble: who failed lately, since when, and until when nobody knocks there again.

Domains, reasons and times only; it knows no letter and opens no connection. A peer that works has
no row, so that an ordinary delivery writes nothing here.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from webmail.models import PeerState
from webmail.outbound.plan import wait_after


def trouble_of(domain: str) -> PeerState | None:
    return PeerState.objects.filter(domain=domain).first()


def troubled_domains() -> set[str]:
    return set(PeerState.objects.values_list("domain", flat=True))


def note_trouble(domain: str, reason: str) -> datetime:
    """One more failure; until when the peer is left alone: the retry plan counts its failures."""
    now = timezone.now()
    with transaction.atomic():
        state, _ = PeerState.objects.select_for_update().get_or_create(
            domain=domain, defaults={"failing_since": now, "retry_at": now}
        )
        if state.failures == 0 or state.retry_at <= now:  # Two at once fail once.
            state.failures += 1
            state.reason = reason
            state.retry_at = now + wait_after(state.failures)
            state.save()
    return state.retry_at


def heed_latest(latest: datetime) -> None:
    """Nobody is left alone until after ``latest``: the clock was set back, and now it is time."""
    PeerState.objects.filter(retry_at__gt=latest).update(retry_at=timezone.now())


def forget_old_troubles() -> None:
    """Nobody has written there since, or all that waited is too old by now."""
    limit = timezone.now() - timedelta(hours=settings.RETRY_EXPIRY_HOURS)
    PeerState.objects.filter(retry_at__lt=limit).delete()


def forget_trouble(domain: str) -> None:
    """It answered, or somebody wants it asked now."""
    PeerState.objects.filter(domain=domain).delete()
