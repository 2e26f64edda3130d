"""Opens a mailbox: a row, a key of its own, its folders, its holder's rights. It knows no page and
no message.
"""

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from webmail.mime.addresses import domain_of, is_valid_address, normalise_address
from webmail.models import Folder, FolderRole, Mailbox, MailboxAccess, MailboxKind
from webmail.store.sealed import new_mailbox_key


class OpeningError(Exception):
    """The box cannot be opened as asked; the sentence says what to change."""


def address_fault(address: str) -> str | None:
    """Why no box can be opened at ``address``, in words; ``None`` when one can."""
    address = normalise_address(address)
    if not is_valid_address(address):
        return _("This is not a valid address.")
    if domain_of(address) not in settings.MAIL_DOMAINS:
        return _("The address must be in one of our own domains.")
    if Mailbox.objects.filter(address=address).exists():
        return _("A mailbox has this address already.")
    return None


@transaction.atomic
def open_mailbox(
    address: str,
    *,
    kind: MailboxKind,
    name: str,
    holder: User | None = None,
    actor: User | None = None,
) -> Mailbox:
    """A new, active box at ``address`` with all its folders; ``holder`` gets every right on it.

    Raises ``OpeningError`` when the address is malformed, taken, or in a domain that is not ours.
    """
    address = normalise_address(address)
    if (fault := address_fault(address)) is not None:
        raise OpeningError(fault)
    if kind == MailboxKind.PER and holder is None:
        raise OpeningError(_("A personal mailbox needs a holder."))
    mailbox = Mailbox.objects.create(
        address=address,
        kind=kind,
        name=name,
        holder=holder,
        wrapped_key=new_mailbox_key(address),
        quota_bytes=settings.MAILBOX_QUOTA_BYTES,
    )
    Folder.objects.bulk_create(Folder(mailbox=mailbox, role=role) for role in FolderRole)
    if holder is not None:
        MailboxAccess.objects.create(
            mailbox=mailbox,
            user=holder,
            can_read=True,
            can_file=True,
            can_prepare=True,
            can_send=True,
            can_manage=True,
        )
    record_event(
        Event.MAILBOX_BOX_OPENED, actor=actor, mailbox_id=mailbox.pk, detail={"kind": kind}
    )
    return mailbox
