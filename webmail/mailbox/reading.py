"""What a page shows of a message: derived from its bytes once, by a worker, kept encrypted, made
again when the rules change.

Parsed values go in, a ``Reading`` comes out. No permission is asked here: whoever holds a
``Message`` came through ``access``.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from webmail.mime.parse import parse_message
from webmail.mime.quoting import html_to_text
from webmail.mime.sanitize import RULES_VERSION, sanitize_message
from webmail.mime.types import Address, ParsedMessage
from webmail.models import Attachment, Blob, Mailbox, Message, Recipient
from webmail.store.blobs import iter_blob, read_blob, release_blob, write_blob
from webmail.store.frames import DamagedContentError
from webmail.store.sealed import open_person, open_text

__all__ = [
    "DamagedContentError",
    "Reading",
    "author_of",
    "content_of",
    "file_name",
    "iter_source",
    "keep_reading",
    "keep_reading_blob",
    "make_reading",
    "person_of",
    "read_message",
    "reading_of_text",
    "snippet_of",
    "source_of",
    "subject_of",
    "text_of",
]


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as a reader shows it. ``html`` is sanitised; ``refused`` says why there is none
    although one came.
    """

    text: str
    html: str
    refused: str
    blocked_images: int
    reply_to: tuple[Address, ...]
    defects: tuple[str, ...]

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reading":
        values: dict[str, Any] = json.loads(data)
        people = tuple(Address(**person) for person in values.pop("reply_to"))
        defects = tuple(values.pop("defects"))
        return cls(reply_to=people, defects=defects, **values)


def text_of(parsed: ParsedMessage) -> str:
    """The letter's plain text; of a letter that came as HTML alone, the words of it."""
    return parsed.text or html_to_text(parsed.html_raw)


def make_reading(parsed: ParsedMessage) -> Reading:
    clean = sanitize_message(parsed) if parsed.html_raw else None
    return Reading(
        text=text_of(parsed),
        html=clean.html if clean else "",
        refused=clean.refused if clean else "",
        blocked_images=clean.blocked_images if clean else 0,
        reply_to=parsed.reply_to,
        defects=parsed.defects,
    )


def read_message(message: Message) -> Reading:
    """The kept reading; made again, and kept, when the sanitiser's rules are newer than it.

    Raises ``DamagedContentError`` when what is stored does not open.
    """
    if message.reading is not None and message.reading_version == RULES_VERSION:
        return Reading.from_bytes(read_blob(message.reading, message.mailbox))
    reading = make_reading(parse_message(source_of(message)))
    keep_reading(message, reading)
    return reading


def reading_of_text(text: str) -> Reading:
    """The reading of a letter of ours: it is plain text, and nothing in it is doubtful."""
    return Reading(text=text, html="", refused="", blocked_images=0, reply_to=(), defects=())


def keep_reading(message: Message, reading: Reading) -> None:
    keep_reading_blob(message, write_blob(message.mailbox, reading.to_bytes()))


@transaction.atomic
def keep_reading_blob(message: Message, blob: Blob) -> None:
    # The row is read again: another request may have made the same reading meanwhile.
    old: Blob | None = Message.objects.select_related("reading").get(pk=message.pk).reading
    Message.objects.filter(pk=message.pk).update(reading=blob, reading_version=RULES_VERSION)
    if old is not None:
        release_blob(old)
    message.reading, message.reading_version = blob, RULES_VERSION


def source_of(message: Message) -> bytes:
    """The message byte for byte as it is kept: with our trace headers when received, as sent when
    sent.
    """
    return b"".join(iter_source(message))


def iter_source(message: Message) -> Iterator[bytes]:
    """The same in pieces, in constant memory."""
    if message.source is None:
        raise LookupError(f"message {message.pk} has no source")
    return iter_blob(message.source, message.mailbox)


def subject_of(message: Message) -> str:
    return open_text(message.mailbox, "subject", message.sealed_subject)


def snippet_of(message: Message) -> str:
    return open_text(message.mailbox, "snippet", message.sealed_snippet)


def author_of(message: Message) -> Address:
    return open_person(message.mailbox, message.sealed_from)


def file_name(attachment: Attachment) -> str:
    return open_text(attachment.message.mailbox, "file_name", attachment.sealed_name)


def content_of(attachment: Attachment) -> bytes:
    return read_blob(attachment.blob, attachment.message.mailbox)


def person_of(recipient: Recipient, mailbox: Mailbox) -> Address:
    return open_person(mailbox, recipient.sealed_person)
