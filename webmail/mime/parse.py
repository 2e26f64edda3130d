"""A letter as a peer sent it, to what a reader shows: any bytes at all give a ``ParsedMessage``.

Nothing is dropped: each leaf part is in the text, in the HTML, or among the attachments. Knows no
rule of the sanitiser: the HTML that comes out of here is as hostile as it came in.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from webmail.mime.charsets import decode
from webmail.mime.envelope import (
    is_auto_submitted,
    parse_date,
    parse_header_addresses,
    parse_identifiers,
)
from webmail.mime.headers import HeaderBlock, decode_words
from webmail.mime.quoting import html_to_text
from webmail.mime.structure import Part, parse_structure
from webmail.mime.text import clean_file_name, clean_line, clean_text
from webmail.mime.types import Attachment, ParsedMessage

INLINE_IMAGES: Final = frozenset(["image/png", "image/jpeg", "image/gif", "image/webp"])

_CID: Final = re.compile(r"""cid:([^"'\s<>)]{1,998})""", re.IGNORECASE)
_EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/xml": "xml",
    "application/rtf": "rtf",
    "application/msword": "doc",
    "application/ms-tnef": "dat",
    "application/pkcs7-signature": "p7s",
    "application/x-pkcs7-signature": "p7s",
    "application/pkcs7-mime": "p7m",
    "application/x-pkcs7-mime": "p7m",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/tiff": "tif",
    "image/svg+xml": "svg",
    "message/rfc822": "eml",
    "message/delivery-status": "txt",
    "message/disposition-notification": "txt",
    "text/plain": "txt",
    "text/html": "html",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/rfc822-headers": "txt",
    "text/xml": "xml",
    "text/vcard": "vcf",
}


@dataclass(frozen=True, slots=True)
class _Body:
    """What some part says, twice over: each form is complete or empty."""

    text: str = ""
    html: str = ""


@dataclass(slots=True)
class _Reading:
    attachments: list[Attachment] = field(default_factory=list)
    defects: dict[str, None] = field(default_factory=dict)


def parse_message(raw: bytes) -> ParsedMessage:
    """Read a letter. Raises nothing on any input; what was odd is in ``defects``, as stable slugs.

    Past 50 levels or 500 parts the rest of the letter is one attachment, and an endless header is
    cut.
    """
    root, defects = parse_structure(raw)
    reading = _Reading(defects=dict.fromkeys(defects))
    body = _read_body(root, reading)
    headers = root.headers
    date = parse_date(headers.first("Date"))
    from_ = parse_header_addresses(headers.all("From"))
    _note_headers(reading, headers, has_date=date is not None, has_from=bool(from_))
    message_ids = parse_identifiers(headers.first("Message-ID"))
    replied_to = parse_identifiers(headers.first("In-Reply-To"))
    receipt = parse_header_addresses(headers.all("Disposition-Notification-To"))
    return ParsedMessage(
        subject=clean_line(decode_words(headers.first("Subject"))),
        from_=from_,
        sender=next(iter(parse_header_addresses(headers.all("Sender"))), None),
        to=parse_header_addresses(headers.all("To")),
        cc=parse_header_addresses(headers.all("Cc")),
        reply_to=parse_header_addresses(headers.all("Reply-To")),
        date=date,
        message_id=message_ids[0] if message_ids else "",
        in_reply_to=replied_to[0] if replied_to else "",
        references=parse_identifiers(headers.first("References")),
        text=body.text.strip("\n"),
        html_raw=body.html,
        attachments=_mark_inline(reading.attachments, body.html),
        defects=tuple(reading.defects),
        auto_submitted=is_auto_submitted(headers) or root.content_type == "multipart/report",
        read_receipt_to=receipt[0].address if receipt else "",
        headers=tuple((name, clean_line(decode_words(value))) for name, value in headers.fields),
    )


def _note_headers(
    reading: _Reading, headers: HeaderBlock, *, has_date: bool, has_from: bool
) -> None:
    facts = {
        "missing-date": not headers.first("Date"),
        "bad-date": bool(headers.first("Date")) and not has_date,
        "missing-from": not headers.first("From"),
        "bad-from": bool(headers.first("From")) and not has_from,
        "missing-message-id": not headers.first("Message-ID"),
        "repeated-header": any(
            len(headers.all(name)) > 1 for name in ("From", "Subject", "Date", "Message-ID", "To")
        ),
    }
    reading.defects.update(dict.fromkeys(slug for slug, is_so in facts.items() if is_so))


def _read_body(part: Part, reading: _Reading) -> _Body:
    if not part.is_container:
        return _read_leaf(part, reading)
    bodies = [_read_body(child, reading) for child in part.children]
    if part.content_type == "multipart/alternative":
        return _choose(bodies)
    return _join(bodies)


def _choose(bodies: list[_Body]) -> _Body:
    """Pair the plain and the rich form of one text (RFC 2046 §5.1.4)."""
    plain = [body.text for body in bodies if body.text and not body.html]
    rich = [body.html for body in bodies if body.html]
    texts = plain or [body.text for body in bodies if body.text]
    return _Body("\n\n".join(texts), "\n".join(rich))


def _join(bodies: list[_Body]) -> _Body:
    """Put texts end to end, and give each form what only the other one had."""
    texts = html_form = ""
    if any(body.text for body in bodies):
        pieces = [body.text or html_to_text(body.html) for body in bodies]
        texts = "\n\n".join(piece.strip("\n") for piece in pieces if piece.strip())
    if any(body.html for body in bodies):
        forms = [body.html or _escape(body.text) for body in bodies]
        html_form = "\n".join(form for form in forms if form)
    return _Body(texts, html_form)


def _escape(text: str) -> str:
    return f"<p>{html.escape(text).replace(chr(10), '<br>')}</p>" if text else ""


def _read_leaf(part: Part, reading: _Reading) -> _Body:
    is_text = part.content_type in {"text/plain", "text/html"}
    if not is_text or part.disposition == "attachment" or _declared_name(part):
        if part.content or _declared_name(part) or not is_text:
            reading.attachments.append(_read_attachment(part, len(reading.attachments) + 1))
        return _Body()
    decoded, defect = decode(part.content, part.parameters.get("charset", ""))
    if defect:
        reading.defects[defect] = None
    text = clean_text(decoded)
    if part.content_type == "text/html":
        return _Body(html=text if text.strip() else "")
    return _Body(text=text if text.strip() else "")


def _declared_name(part: Part) -> str:
    name = part.disposition_parameters.get("filename") or part.parameters.get("name") or ""
    return clean_file_name(decode_words(name))


def _read_attachment(part: Part, number: int) -> Attachment:
    name = _declared_name(part)
    if not name and part.content_type == "message/rfc822":
        name = "message.eml"
    if not name:
        name = f"piece-jointe-{number}.{_EXTENSIONS.get(part.content_type, 'bin')}"
    identifiers = parse_identifiers(part.headers.first("Content-ID"))
    return Attachment(
        name=name,
        declared_type=part.content_type,
        content=part.content,
        inline=False,
        content_id=identifiers[0] if identifiers else "",
    )


def _mark_inline(attachments: list[Attachment], markup: str) -> tuple[Attachment, ...]:
    """Mark the pictures that the HTML part shows; one that it never mentions stays a file."""
    shown = {unquote(html.unescape(match)) for match in _CID.findall(markup)}
    return tuple(
        Attachment(item.name, item.declared_type, item.content, True, item.content_id)
        if item.content_id in shown and item.declared_type in INLINE_IMAGES
        else item
        for item in attachments
    )
