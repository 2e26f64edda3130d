"""The functions that write the audit trail: plain inserts, in the transaction of the deed itself.

They do not know what a deed means, and they refuse values that could carry content.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent

_LONGEST_VALUE = 300
Detail = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed. ``detail`` holds ids, codes, domains and certificate names only."""

    event: Event
    actor: AbstractBaseUser | None = None
    mailbox_id: int | None = None
    message_id: int | None = None
    detail: Detail = field(default_factory=dict)


def record_event(
    event: Event,
    *,
    actor: AbstractBaseUser | None = None,
    mailbox_id: int | None = None,
    message_id: int | None = None,
    detail: Detail | None = None,
) -> None:
    """Insert one event. It stands or falls with the caller's transaction, so no deed is without its
    trace.

    ``detail`` holds ids, codes, domains and certificate names only; an over-long value is cut.
    """
    record_events([Entry(event, actor, mailbox_id, message_id, detail or {})])


def record_events(entries: Iterable[Entry]) -> None:
    """Insert many at once, in their order. As ``record_event`` does."""
    now = timezone.now()
    AuditEvent.objects.bulk_create(
        AuditEvent(
            at=now,
            event=entry.event,
            actor_id=entry.actor.pk if entry.actor is not None else None,
            mailbox_id=entry.mailbox_id,
            message_id=entry.message_id,
            detail={key: _cut(value) for key, value in entry.detail.items()},
        )
        for entry in entries
    )


def _cut(value: str | int | bool | None) -> str | int | bool | None:
    return value[:_LONGEST_VALUE] if isinstance(value, str) else value
