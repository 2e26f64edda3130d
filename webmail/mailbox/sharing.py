"""Who may do what in a box, and what state the box is in: written here, with its trace, and nowhere
else. It knows rights and rows, no message and no page.
"""

from collections.abc import Sequence

from django.db import transaction

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from webmail.models import Mailbox, MailboxAccess, Right


@transaction.atomic
def grant_access(access: MailboxAccess, *, actor: User) -> None:
    """Write a right on a box, new or changed; the trail says whose, which, and by whom."""
    access.save()
    rights = {right.name.lower(): getattr(access, right.value) for right in Right}
    until = access.expires_at.isoformat() if access.expires_at else None
    record_event(
        Event.MAILBOX_ACCESS_GRANTED,
        actor=actor,
        mailbox_id=access.mailbox_id,
        detail={"person": access.user_id, "until": until, **rights},
    )


@transaction.atomic
def revoke_access(access: MailboxAccess, *, actor: User) -> None:
    record_event(
        Event.MAILBOX_ACCESS_REVOKED,
        actor=actor,
        mailbox_id=access.mailbox_id,
        detail={"person": access.user_id},
    )
    access.delete()


@transaction.atomic
def change_mailbox(mailbox: Mailbox, fields: Sequence[str], *, actor: User) -> None:
    """Write what an administrator changed of a box: its name, status or quota."""
    mailbox.save(update_fields=list(fields))
    record_event(
        Event.MAILBOX_BOX_CHANGED,
        actor=actor,
        mailbox_id=mailbox.pk,
        detail={"fields": ",".join(sorted(fields)), "status": mailbox.status},
    )
