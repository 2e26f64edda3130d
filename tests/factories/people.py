"""People and boxes, made by the verbs the product uses."""

from accounts.models import User
from webmail.mailbox.opening import open_mailbox
from webmail.models import MailboxKind

PASSWORD = "une phrase assez longue"


def make_user(username, first_name, last_name, *, kind="professional", **fields):
    return User.objects.create_user(
        username=username,
        password=PASSWORD,
        first_name=first_name,
        last_name=last_name,
        kind=kind,
        **fields,
    )


def make_mailbox(local_part, name, *, holder=None, kind=MailboxKind.PER):
    return open_mailbox(
        f"{local_part}@ch-valbrune.mssante.example", kind=kind, name=name, holder=holder
    )
