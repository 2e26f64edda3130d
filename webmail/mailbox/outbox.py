"""What a box sent and what has not come to its end: the outbox, and runs of letters counted and
listed. Rows out, in pages by key.

No permission is asked here: box and run came through ``access``. Nothing is decrypted here either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from webmail.mailbox.queries import PAGE, Key, keyed_page
from webmail.models import Delivery, DeliveryState, LetterRun, Mailbox, PeerState

WAITING: Final = (DeliveryState.QUEUED, DeliveryState.IN_FLIGHT, DeliveryState.DEFERRED)
# What failed stays in the outbox for a while: somebody has to do something about it.
_FAILED_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    deliveries: tuple[Delivery, ...]
    next: Key | None


@dataclass(frozen=True, slots=True)
class PeerCount:
    """How far a run has come with one operator's domain. ``trouble`` is its state when it fails."""

    domain: str
    total: int
    waiting: int
    failed: int
    taken: int
    trouble: PeerState | None


@dataclass(frozen=True, slots=True)
class RunCount:
    """How many recipients are in each state; ``uncertain`` are counted in theirs, too."""

    by_state: dict[str, int]
    uncertain: int
    ended_at: datetime | None  # Of the last change, when nothing waits.

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def waiting(self) -> int:
        return sum(self.by_state.get(state, 0) for state in WAITING)


def count_waiting(mailbox: Mailbox) -> int:
    """Letters that have not left for one recipient at least."""
    waiting = Delivery.objects.filter(mailbox=mailbox, state__in=WAITING)
    return waiting.values("message").distinct().count()


def list_outbox(mailbox: Mailbox, before: Key | None = None) -> DeliveryPage:
    """What waits, what is under way, and what failed lately; newest first."""
    since = timezone.now() - _FAILED_FOR
    open_ones = Delivery.objects.filter(
        Q(state__in=WAITING) | Q(state=DeliveryState.FAILED, state_at__gt=since),
        mailbox=mailbox,
        # Names the index's condition: nothing else is looked at, however much was ever sent.
        state__in=(*WAITING, DeliveryState.FAILED),
    )
    return _page(open_ones, before)


def waiting_of(mailbox: Mailbox, *, message_id: int | None = None) -> QuerySet[Delivery]:
    """What still waits in the box, or of one letter."""
    waiting = Delivery.objects.filter(mailbox=mailbox, state__in=WAITING).select_related("message")
    return waiting if message_id is None else waiting.filter(message=message_id)


def runs_of(mailbox: Mailbox) -> list[LetterRun]:
    runs = LetterRun.objects.filter(mailbox=mailbox).select_related("mailbox", "author")
    return list(runs.order_by("-created_at", "-pk")[:PAGE])


def count_run(run: LetterRun) -> RunCount:
    rows = (
        _of(run)
        .values("state")
        .annotate(n=Count("pk"), doubt=Count("pk", filter=Q(is_uncertain=True)), at=Max("state_at"))
    )
    counted = list(rows)
    by_state = {row["state"]: row["n"] for row in counted}
    is_over = not any(by_state.get(state) for state in WAITING)
    return RunCount(
        by_state=by_state,
        uncertain=sum(row["doubt"] for row in counted if row["state"] in WAITING),
        ended_at=max((row["at"] for row in counted), default=None) if is_over else None,
    )


def count_peers(run: LetterRun) -> list[PeerCount]:
    """Operators with what waits or failed first, then by name."""
    waiting = Q(state__in=WAITING)
    rows = (
        _of(run)
        .values("domain")
        .annotate(
            total=Count("pk"),
            waiting=Count("pk", filter=waiting),
            failed=Count("pk", filter=Q(state=DeliveryState.FAILED)),
        )
    )
    counted = list(rows)
    troubles = {
        one.domain: one
        for one in PeerState.objects.filter(domain__in=[row["domain"] for row in counted])
    }
    peers = [
        PeerCount(
            domain=row["domain"],
            total=row["total"],
            waiting=row["waiting"],
            failed=row["failed"],
            taken=row["total"] - row["waiting"] - row["failed"],
            trouble=troubles.get(row["domain"]),
        )
        for row in counted
    ]
    return sorted(peers, key=lambda one: (-one.waiting, -one.failed, one.domain))


def list_run(run: LetterRun, states: Sequence[str], before: Key | None = None) -> DeliveryPage:
    """What became of each recipient of the run, those in ``states`` only when there are any."""
    rows = _of(run)
    return _page(rows.filter(state__in=states) if states else rows, before)


def _of(run: LetterRun) -> QuerySet[Delivery]:
    return Delivery.objects.filter(message__run=run)


def _page(deliveries: QuerySet[Delivery], before: Key | None) -> DeliveryPage:
    related = deliveries.select_related("recipient", "message__mailbox")
    rows, following = keyed_page(related, "created_at", before)
    return DeliveryPage(tuple(rows), following)
