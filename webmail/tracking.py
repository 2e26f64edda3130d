"""The state machine of each recipient. Both roads report here, and nobody else changes a delivery's
state.

Transitions are functions named as verbs. Each is one conditional update: it happens from the states
it may happen from, or it raises; each writes one audit event and counts one change of the sender's
box. It does not know SMTP, and it words nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import Entry, record_event, record_events
from accounts.models import User
from webmail.models import Delivery, DeliveryState, Mailbox
from webmail.models.deliveries import TRANSITIONS

S = DeliveryState

_EVENTS = {
    S.QUEUED: Event.DELIVERY_QUEUED,
    S.IN_FLIGHT: Event.DELIVERY_IN_FLIGHT,
    S.DEFERRED: Event.DELIVERY_DEFERRED,
    S.ACCEPTED: Event.DELIVERY_ACCEPTED,
    S.DELIVERED: Event.DELIVERY_DELIVERED,
    S.READ: Event.DELIVERY_READ,
    S.TAKEN_IN_CHARGE: Event.DELIVERY_TAKEN,
    S.FAILED: Event.DELIVERY_FAILED,
    S.CANCELLED: Event.DELIVERY_CANCELLED,
}


class WrongTransitionError(Exception):
    """The delivery is not in a state from which this may happen, or the lease is somebody else's by
    now.
    """


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt or a report said of one recipient: a slug for the sentence, the peer's words
    for the operator.
    """

    reason: str = ""
    smtp_code: int | None = None
    enhanced_code: str = ""
    diagnostic: str = ""
    peer_host: str = ""
    peer_dn: str = ""
    tls_version: str = ""
    whitelist_version: int | None = None


def claim_all(due: QuerySet[Delivery], *, token: str, until: datetime) -> None:
    """queued or deferred → in flight, for the holder of ``token`` until ``until``: those of ``due``
    that still may, and they alone hold the token then.
    """
    with transaction.atomic():
        changed = due.filter(state__in=TRANSITIONS[S.IN_FLIGHT]).update(
            state=S.IN_FLIGHT,
            state_at=timezone.now(),
            attempts=F("attempts") + 1,
            lease_token=token,
            lease_until=until,
            next_attempt_at=None,
            dot_at=None,
        )
        if changed:
            held = Delivery.objects.filter(state=S.IN_FLIGHT, lease_token=token)
            _note_all(_EVENTS[S.IN_FLIGHT], held)


def hand_back(
    deliveries: Collection[Delivery],
    outcome: Outcome | None,
    *,
    token: str,
    next_attempt_at: datetime,
) -> None:
    """in flight → queued: claimed and not tried, or given up by us in the middle, so it was no
    attempt. Without ``outcome`` what was known of them stays. What is past the dot stays in flight.
    """
    with transaction.atomic():
        untried = Delivery.objects.filter(
            pk__in=[one.pk for one in deliveries],
            state=S.IN_FLIGHT,
            lease_token=token,
            dot_at__isnull=True,
        ).select_for_update()
        ids = list(untried.values_list("pk", flat=True))
        rows = Delivery.objects.filter(pk__in=ids)
        rows.update(
            state=S.QUEUED,
            state_at=timezone.now(),
            attempts=F("attempts") - 1,
            lease_token="",
            lease_until=None,
            next_attempt_at=next_attempt_at,
            **(_columns(outcome) if outcome is not None else {}),
        )
        _note_all(_EVENTS[S.QUEUED], rows, outcome)


def postpone(waiting: QuerySet[Delivery], outcome: Outcome, *, until: datetime) -> None:
    """What waits for a peer that is left alone goes on waiting: no transition and no attempt, only
    a later time and its reason.
    """
    with transaction.atomic():
        waiting = waiting.filter(state__in=(S.QUEUED, S.DEFERRED), next_attempt_at__lt=until)
        mailboxes = set(waiting.values_list("mailbox_id", flat=True))
        waiting.update(next_attempt_at=until, reason=outcome.reason)
        _count_changes(mailboxes)


def bring_forward(waiting: QuerySet[Delivery], *, latest: datetime) -> None:
    """What would wait until after ``latest`` waits no longer: no plan says so, the clock was set
    back.
    """
    now = timezone.now()
    late = waiting.filter(state__in=(S.QUEUED, S.DEFERRED), next_attempt_at__gt=latest)
    late.update(next_attempt_at=now)


def note_final_dot(delivery: Delivery, *, token: str) -> None:
    """The final dot is about to leave: from here on the peer may hold the letter. Committed before
    it leaves.
    """
    changed = Delivery.objects.filter(pk=delivery.pk, state=S.IN_FLIGHT, lease_token=token).update(
        dot_at=timezone.now()
    )
    if changed != 1:
        raise WrongTransitionError("the lease was lost")


def accept(delivery: Delivery, outcome: Outcome, *, token: str) -> None:
    """in flight → accepted: the peer's operator took it and answered for it."""
    _move(
        delivery,
        S.ACCEPTED,
        token=token,
        outcome=outcome,
        accepted_at=timezone.now(),
        is_uncertain=False,
    )


def defer(
    delivery: Delivery,
    outcome: Outcome,
    *,
    token: str,
    next_attempt_at: datetime,
    is_uncertain: bool,
) -> None:
    """in flight → deferred, to be tried again at ``next_attempt_at``.

    ``is_uncertain``: the final dot left and no answer came. Once uncertain, a letter stays so until
    the peer answers for it.
    """
    fields: dict[str, Any] = {"next_attempt_at": next_attempt_at}
    if is_uncertain:
        fields["is_uncertain"] = True
    _move(delivery, S.DEFERRED, token=token, outcome=outcome, **fields)


def fail(delivery: Delivery, outcome: Outcome, *, token: str) -> None:
    """in flight → failed: the peer's answer is final."""
    _move(delivery, S.FAILED, sources={S.IN_FLIGHT}, token=token, outcome=outcome)


def expire(delivery: Delivery, outcome: Outcome, *, now: datetime) -> None:
    """queued, deferred, or in flight with a lease nobody renewed → failed: it waited long
    enough.
    """
    if delivery.state == S.IN_FLIGHT:
        _move(delivery, S.FAILED, sources={S.IN_FLIGHT}, outcome=outcome, lease_until__lt=now)
    else:
        sources = {S.QUEUED, S.DEFERRED}
        _move(delivery, S.FAILED, sources=sources, outcome=outcome, next_attempt_at=None)


def release_expired(delivery: Delivery, *, now: datetime, next_attempt_at: datetime) -> None:
    """in flight with a lease nobody renewed → queued for ``next_attempt_at``: its worker died.

    If the final dot had left, nobody knows whether the peer has the letter: it is marked uncertain
    and sent again with the same Message-ID (RFC 5321 §4.2.5 leaves no better choice: a duplicate
    can be recognised, a loss cannot).
    """
    _move(
        delivery,
        S.QUEUED,
        sources={S.IN_FLIGHT},
        lease_until__lt=now,
        # A worker that was slow, not dead, may note the dot between our look and this update: then
        # the next sweep knows better.
        dot_at__isnull=delivery.dot_at is None,
        next_attempt_at=next_attempt_at,
        is_uncertain=delivery.is_uncertain or delivery.dot_at is not None,
    )


def cancel(delivery: Delivery, *, actor: User) -> None:
    """queued or deferred → cancelled, by ``actor``'s wish. What may have arrived stays uncertain:
    cancelling takes nothing back.
    """
    _move(delivery, S.CANCELLED, actor=actor, next_attempt_at=None)


def hasten_all(deliveries: Collection[Delivery], *, actor: User) -> set[int]:
    """What waits is due now, by ``actor``'s wish: no transition. Gives the keys of these."""
    with transaction.atomic():
        waiting = Delivery.objects.filter(
            pk__in=[one.pk for one in deliveries], state__in=(S.QUEUED, S.DEFERRED)
        )
        ids = set(waiting.select_for_update().values_list("pk", flat=True))
        rows = Delivery.objects.filter(pk__in=ids)
        rows.update(next_attempt_at=timezone.now())
        _note_all(Event.DELIVERY_HASTENED, rows, actor=actor)
    return ids


def note_delivered(delivery: Delivery, outcome: Outcome | None = None) -> None:
    """A report, or our own deposit, says it lies in the mailbox. A late report leaves the state as
    it is and is kept.
    """
    _report(delivery, S.DELIVERED, outcome, delivered_at=timezone.now())


def note_read(delivery: Delivery, outcome: Outcome | None = None) -> None:
    _report(delivery, S.READ, outcome, read_at=timezone.now())


def note_taken_in_charge(delivery: Delivery, outcome: Outcome | None = None) -> None:
    _report(delivery, S.TAKEN_IN_CHARGE, outcome, taken_at=timezone.now())


def note_failed(delivery: Delivery, outcome: Outcome) -> None:
    """A later report says it was not delivered after all."""
    _report(delivery, S.FAILED, outcome)


def fail_after_all(delivery: Delivery, outcome: Outcome) -> None:
    """accepted → failed: our own house took it for one of its boxes and cannot deposit it."""
    _move(delivery, S.FAILED, sources={S.ACCEPTED}, outcome=outcome)


def note_delayed(delivery: Delivery, outcome: Outcome) -> None:
    """A report says that the peer has it and goes on trying: no transition, only the reason that is
    shown. Of a letter that is no longer the peer's to deliver, the report is kept.
    """
    shown = {
        "reason": outcome.reason,
        "enhanced_code": outcome.enhanced_code,
        "diagnostic": outcome.diagnostic,
    }
    with transaction.atomic():
        held = Delivery.objects.filter(pk=delivery.pk, state=S.ACCEPTED)
        if held.update(**shown) != 1:
            keep_report(delivery, "delayed")
            return
        record_event(
            Event.DELIVERY_DELAY_REPORTED,
            mailbox_id=delivery.mailbox_id,
            message_id=delivery.message_id,
            detail={"delivery": delivery.pk, **_trace(outcome)},
        )
        _count_change(delivery.mailbox_id)


def keep_report(delivery: Delivery, said: str) -> None:
    """What a report said stays in the trail, and changes nothing."""
    record_event(
        Event.DELIVERY_REPORT_KEPT,
        message_id=delivery.message_id,
        detail={"delivery": delivery.pk, "report": said},
    )


def _report(delivery: Delivery, to: DeliveryState, outcome: Outcome | None, **fields: Any) -> None:
    try:
        _move(
            delivery,
            to,
            sources=TRANSITIONS[to] - {S.QUEUED, S.IN_FLIGHT, S.DEFERRED},
            outcome=outcome,
            **fields,
        )
    except WrongTransitionError:
        keep_report(delivery, to)


def _move(
    delivery: Delivery,
    to: DeliveryState,
    *,
    sources: set[DeliveryState] | frozenset[DeliveryState] | None = None,
    token: str | None = None,
    outcome: Outcome | None = None,
    actor: User | None = None,
    **fields: Any,
) -> None:
    """One conditional update, its audit event and the sender's change counter, in one transaction.

    Keys of ``fields`` with a double underscore are further conditions. Raises
    ``WrongTransitionError`` when no row changed.
    """
    conditions = {key: fields.pop(key) for key in [key for key in fields if "__" in key]}
    if token is not None:
        conditions["lease_token"] = token
    fields |= {"lease_token": "", "lease_until": None}
    if outcome is not None:
        fields |= _columns(outcome)
    now = timezone.now()
    with transaction.atomic():
        changed = Delivery.objects.filter(
            pk=delivery.pk, state__in=sources or TRANSITIONS[to], **conditions
        ).update(state=to, state_at=now, **fields)
        if changed != 1:
            raise WrongTransitionError(f"delivery {delivery.pk} cannot become {to}")
        record_event(
            _EVENTS[to],
            actor=actor,
            mailbox_id=delivery.mailbox_id,
            message_id=delivery.message_id,
            detail={"delivery": delivery.pk, **_trace(outcome)},
        )
        _count_change(delivery.mailbox_id)
    for name, value in {"state": to, "state_at": now, **fields}.items():
        setattr(delivery, name, value)


def _note_all(
    event: Event,
    rows: QuerySet[Delivery],
    outcome: Outcome | None = None,
    *,
    actor: User | None = None,
) -> None:
    """The events and the change counters of many rows that changed together."""
    moved = list(rows.order_by("pk").values_list("pk", "message_id", "mailbox_id"))
    record_events(
        Entry(
            event,
            actor=actor,
            mailbox_id=mailbox_id,
            message_id=message_id,
            detail={"delivery": pk, **_trace(outcome)},
        )
        for pk, message_id, mailbox_id in moved
    )
    _count_changes({mailbox_id for _, _, mailbox_id in moved})


def _count_change(mailbox_id: int | None) -> None:
    """Open pages of the sender's box see it; what a machine wrote is in no box."""
    if mailbox_id is not None:
        Mailbox.objects.filter(pk=mailbox_id).update(modseq=F("modseq") + 1)


def _count_changes(mailbox_ids: Collection[int | None]) -> None:
    """Always in the same order: of two that count for the same boxes, one waits for the other, and
    not each for the other.
    """
    rows = Mailbox.objects.filter(pk__in=[one for one in mailbox_ids if one is not None])
    ids = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
    Mailbox.objects.filter(pk__in=ids).update(modseq=F("modseq") + 1)


def _columns(outcome: Outcome) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "reason": outcome.reason,
        "smtp_code": outcome.smtp_code,
        "enhanced_code": outcome.enhanced_code,
        "diagnostic": outcome.diagnostic,
    }
    # What is known of the peer stays known when a later outcome says nothing of it.
    for name in ("peer_host", "peer_dn", "tls_version", "whitelist_version"):
        if value := getattr(outcome, name):
            columns[name] = value
    return columns


def _trace(outcome: Outcome | None) -> dict[str, str | int | None]:
    if outcome is None:
        return {}
    return {
        "reason": outcome.reason,
        "smtp_code": outcome.smtp_code,
        "peer_dn": outcome.peer_dn,
        "tls": outcome.tls_version,
        "whitelist": outcome.whitelist_version,
    }
