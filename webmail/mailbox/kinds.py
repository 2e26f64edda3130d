"""The nouns a page may name without touching a table: kinds of boxes, folders, recipients, and the
rows ``access`` hands out.
"""

from webmail.models import (
    Attachment,
    Delivery,
    DeliveryState,
    FolderRole,
    LetterRun,
    Mailbox,
    MailboxKind,
    Message,
    MessageState,
    Recipient,
    RecipientKind,
    Right,
    Thread,
)

__all__ = [
    "Attachment",
    "Delivery",
    "DeliveryState",
    "FolderRole",
    "LetterRun",
    "Mailbox",
    "MailboxKind",
    "Message",
    "MessageState",
    "Recipient",
    "RecipientKind",
    "Right",
    "Thread",
]
