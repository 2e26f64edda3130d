"""A letter of ours to its bytes, in wire form: CRLF, ASCII headers, no line past 998 bytes.

Typed values come in, bytes come out, the same bytes for the same values. Knows no envelope, and so
cannot write a blind copy.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from webmail.mime.fields import (
    CRLF,
    address_field,
    field_name,
    file_parameters,
    identifier_field,
    is_valid_identifier,
    plain_field,
    text_field,
)
from webmail.mime.text import clean_file_name, clean_line, clean_text
from webmail.mime.types import MimeError, OutgoingAttachment, OutgoingMessage

_BASE64_LINE: Final = 76
_HEADER_ESTIMATE: Final = 1_600
_PART_ESTIMATE: Final = 420
_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}")
_TOKEN: Final = re.compile(r"[^A-Za-z0-9.:_\[\]-]+")
# What this module writes itself, and what would say who got a copy in secret.
_OWN_FIELDS: Final = frozenset(
    ["bcc", "cc", "date", "from", "in-reply-to", "message-id", "mime-version", "received"]
) | {"references", "reply-to", "resent-bcc", "return-path", "sender", "subject", "to"}


def compose_message(message: OutgoingMessage) -> bytes:
    """Write a letter. Raises ``MimeError`` when an address, the identifier, the date or a header
    cannot be written.
    """
    headers = [*_headers(message), *_extra_fields(message)]
    body = text_part(message.text)
    if message.attachments:
        parts = [body, *(_attachment_part(item) for item in message.attachments)]
        body = multipart("mixed", parts, boundary=boundary_for(message.message_id))
    return b"".join(headers) + b"MIME-Version: 1.0\r\n" + body


def _headers(message: OutgoingMessage) -> list[bytes]:
    if not is_valid_identifier(message.message_id):
        raise MimeError("not a message identifier")
    headers = [date_field(message.date), address_field("From", (message.from_,))]
    if message.reply_to is not None:
        headers.append(address_field("Reply-To", (message.reply_to,)))
    if message.to:
        headers.append(address_field("To", message.to))
    elif not message.cc:
        headers.append(b"To: undisclosed-recipients:;\r\n")
    if message.cc:
        headers.append(address_field("Cc", message.cc))
    headers += [
        text_field("Subject", message.subject),
        identifier_field("Message-ID", (message.message_id,)),
        identifier_field("In-Reply-To", (message.in_reply_to,)),
        identifier_field("References", message.references),
    ]
    return headers


def date_field(moment: datetime) -> bytes:
    """Return the Date field. Raises ``MimeError`` for a moment without a zone: it would name
    another instant.
    """
    if moment.tzinfo is None:
        raise MimeError("a date needs its zone")
    return f"Date: {format_datetime(moment)}\r\n".encode("ascii")


def _extra_fields(message: OutgoingMessage) -> list[bytes]:
    fields: list[bytes] = []
    for name, value in message.extra_headers:
        lower = field_name(name).lower()
        if lower in _OWN_FIELDS or lower.startswith("content-"):
            raise MimeError("this header is not the caller's to write")
        fields.append((plain_field if value.isascii() else text_field)(name, value))
    return fields


def boundary_for(message_id: str) -> str:
    """Return a delimiter that neither base64 nor quoted-printable can write: "=_" stands in neither
    (RFC 2045 §6.7).
    """
    return f"=_{hashlib.sha256(message_id.encode()).hexdigest()[:40]}"


def text_part(text: str, subtype: str = "plain") -> bytes:
    """Return headers and body of a UTF-8 text part, in the shorter of the two safe encodings."""
    body = clean_text(text).removesuffix("\n") + "\n"
    octets = body.encode("utf-8", "replace")
    quoted = binascii.b2a_qp(octets, istext=True)
    if len(quoted) <= len(octets) * 1.4:
        encoding, encoded = b"quoted-printable", quoted.replace(b"\n", CRLF)
    else:
        encoding, encoded = b"base64", _base64_lines(octets.replace(b"\n", CRLF))
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: '
    return head.encode("ascii") + encoding + CRLF + CRLF + encoded


def multipart(subtype: str, parts: list[bytes], *, boundary: str, parameters: str = "") -> bytes:
    """Join parts, each with its own headers, under one delimiter."""
    head = f'Content-Type: multipart/{subtype};{parameters}\r\n boundary="{boundary}"\r\n\r\n'
    mark = b"--" + boundary.encode("ascii")
    pieces = [head.encode("ascii")]
    for part in parts:
        pieces += [mark, CRLF, part, b"" if part.endswith(CRLF) else CRLF]
    return b"".join([*pieces, mark, b"--", CRLF])


def _attachment_part(attachment: OutgoingAttachment) -> bytes:
    name, filename = file_parameters(clean_file_name(attachment.name) or "document.bin")
    head = (
        f"Content-Type: {_safe_type(attachment.content_type)}{name}\r\n"
        f"Content-Disposition: attachment{filename}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode("ascii") + _base64_lines(attachment.content)


def _safe_type(content_type: str) -> str:
    """Return a type that base64 may carry: RFC 2046 §5 forbids it for multipart and message."""
    lower = content_type.lower()
    if not _TYPE.fullmatch(lower) or lower.startswith(("multipart/", "message/")):
        return "application/octet-stream"
    return lower


def _base64_lines(content: bytes) -> bytes:
    encoded = base64.b64encode(content)
    cuts = range(0, len(encoded), _BASE64_LINE)
    return b"".join(encoded[cut : cut + _BASE64_LINE] + CRLF for cut in cuts)


def received_header(
    *, from_name: str, peer: str, by: str, protocol: str, spool_id: str, at: datetime
) -> bytes:
    """Return the trace field of one reception, folded; whatever the peer called itself cannot break
    the line.
    """
    facts = [_token(text) for text in (from_name, peer, by, protocol, spool_id)]
    name, address, host, with_, identifier = facts
    return (
        f"Received: from {name} ({address})\r\n\tby {host} with {with_} id {identifier};\r\n"
        f"\t{format_datetime(at)}\r\n"
    ).encode("ascii")


def _token(text: str) -> str:
    return _TOKEN.sub("-", clean_line(text, limit=255)).strip("-") or "unknown"


def encoded_size(text: str, attachment_sizes: Iterable[int]) -> int:
    """Return about how many bytes the letter will have on the wire, before it is composed.

    Peers limit the encoded size; base64 adds a third and its line ends.
    """
    size = _HEADER_ESTIMATE + len(text_part(text))
    for content in attachment_sizes:
        letters = (content + 2) // 3 * 4
        size += _PART_ESTIMATE + letters + 2 * (-(-letters // _BASE64_LINE))
    return size
