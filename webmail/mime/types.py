"""The values that stand for a letter once it is no longer bytes, and before it becomes bytes.

They travel between ``webmail.mime`` and the roads; they know neither how they were parsed nor where
they are kept.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

DeliveryAction = Literal["failed", "delayed", "delivered", "relayed", "expanded"]
ReportKind = Literal["dsn", "mdn"]


class MimeError(Exception):
    """What was given cannot be written as a letter, or read within the stated limits.

    The sentence never quotes a subject, a file name or an address, so that it may be logged.
    """


@dataclass(frozen=True, slots=True)
class Address:
    """A correspondent. The domain is lower case; compare whole addresses with
    ``normalise_address``.
    """

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """One part of a received letter offered as a file; its name is safe to show and to save."""

    name: str
    declared_type: str
    content: bytes
    inline: bool  # The HTML part shows this picture in its own place.
    content_id: str

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A received letter. ``text`` and ``html_raw`` are each complete, or empty; ``html_raw`` is
    hostile.
    """

    subject: str
    from_: tuple[Address, ...]
    sender: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    date: datetime | None
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    text: str
    html_raw: str
    attachments: tuple[Attachment, ...]
    defects: tuple[str, ...]
    auto_submitted: bool
    read_receipt_to: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OutgoingAttachment:
    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A letter to write. There is no place for blind copies: they live in the envelope only."""

    from_: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    text: str
    date: datetime
    message_id: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    attachments: tuple[OutgoingAttachment, ...] = ()
    extra_headers: tuple[tuple[str, str], ...] = ()
    reply_to: Address | None = None


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What a report says of one recipient (RFC 3464 §2.3); a read receipt says ``delivered``.

    ``recipient`` is the address as the sender wrote it, if the report says so; ``final`` the one
    the reporter used, where that is another.
    """

    recipient: str
    action: DeliveryAction
    status: str
    diagnostic: str
    final: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report (DSN) or a disposition report (MDN) on a letter of ours. ``unread`` counts
    the recipients of whom it says what we cannot read.
    """

    kind: ReportKind
    original_message_id: str
    original_envelope_id: str
    recipients: tuple[DeliveryStatus, ...]
    unread: int = 0
