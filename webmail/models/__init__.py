"""The tables of mail, re-exported. Fields, constraints and small properties; no rule and no content
in clear.
"""

from webmail.models.automatic import AutomaticKind, AutomaticMessage, AutomaticState
from webmail.models.deliveries import Delivery, DeliveryState
from webmail.models.mailboxes import (
    Folder,
    FolderRole,
    Mailbox,
    MailboxAccess,
    MailboxKind,
    MailboxStatus,
    Right,
)
from webmail.models.messages import (
    Attachment,
    Blob,
    Message,
    MessageState,
    Recipient,
    RecipientKind,
    Thread,
)
from webmail.models.peers import PeerState
from webmail.models.runs import LetterRun
from webmail.models.spool import InboundMessage, InboundRecipient, SpoolState

__all__ = [
    "Attachment",
    "AutomaticKind",
    "AutomaticMessage",
    "AutomaticState",
    "Blob",
    "Delivery",
    "DeliveryState",
    "Folder",
    "FolderRole",
    "InboundMessage",
    "InboundRecipient",
    "LetterRun",
    "Mailbox",
    "MailboxAccess",
    "MailboxKind",
    "MailboxStatus",
    "Message",
    "MessageState",
    "PeerState",
    "Recipient",
    "RecipientKind",
    "Right",
    "SpoolState",
    "Thread",
]
