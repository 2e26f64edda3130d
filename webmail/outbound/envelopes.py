"""What stands on a letter's envelope beyond its recipients: its sender, its name in reports, and
which reports are wanted. Messages in, words of SMTP out; it knows no conversation.
"""

from django.conf import settings

from webmail.mime.esmtp import NEVER
from webmail.models import Message, MessageState
from webmail.store.sealed import envelope_id

_NULL_SENDER = ""


def envelope_sender(message: Message) -> str:
    """Empty for what a machine wrote: nobody answers it, and no failure of it makes a letter."""
    return _NULL_SENDER if message.state == MessageState.AUTOMATIC else message.from_address


def envelope_name(message: Message) -> str:
    return "" if message.state == MessageState.AUTOMATIC else envelope_id(message)


def reports_wanted(message: Message) -> tuple[str, ...]:
    """RFC 3461 §6.4: of a report, no report is wanted."""
    return (NEVER,) if message.state == MessageState.AUTOMATIC else tuple(settings.DSN_NOTIFY)
