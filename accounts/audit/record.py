"""The one function that writes the audit trail: a plain insert, in the transaction of the deed
itself.

It does not know what a deed means, and it refuses values that could carry content.
"""

from collections.abc import Mapping

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent

_LONGEST_VALUE = 300


def record_event(
    event: Event,
    *,
    actor: AbstractBaseUser | None = None,
    mailbox_id: int | None = None,
    message_id: int | None = None,
    detail: Mapping[str, str | int | bool | None] | None = None,
) -> None:
    """Insert one event. It stands or falls with the caller's transaction, so no deed is without its
    trace.

    ``detail`` holds ids, codes, domains and certificate names only; an over-long value is cut.
    """
    cleaned = {
        key: value[:_LONGEST_VALUE] if isinstance(value, str) else value
        for key, value in (detail or {}).items()
    }
    AuditEvent.objects.create(
        at=timezone.now(),
        event=event,
        actor_id=actor.pk if actor is not None else None,
        mailbox_id=mailbox_id,
        message_id=message_id,
        detail=cleaned,
    )
