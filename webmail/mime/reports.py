"""What machines say of letters: delivery reports (RFC 3464) and disposition reports (RFC 8098),
read and written.

Reports come from strangers, so a report is only a claim: whoever uses one checks that its letter is
ours. Knows no delivery and no state.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

from webmail.mime.addresses import is_valid_address, lower_domain
from webmail.mime.charsets import decode_undeclared
from webmail.mime.compose import boundary_for, date_field, multipart, text_part
from webmail.mime.envelope import parse_identifiers
from webmail.mime.fields import (
    CRLF,
    address_field,
    identifier_field,
    is_valid_identifier,
    plain_field,
    text_field,
)
from webmail.mime.headers import HeaderBlock, split_headers
from webmail.mime.structure import Part, parse_structure
from webmail.mime.text import clean_line
from webmail.mime.types import Address, DeliveryAction, DeliveryStatus, MimeError, Report

MAX_RECIPIENTS: Final = 1_000
MAX_RETURNED_HEADERS: Final = 64_000

_ACTIONS: Final = frozenset(["failed", "delayed", "delivered", "relayed", "expanded"])
_DELIVERY_STATUS: Final = frozenset(["message/delivery-status", "message/global-delivery-status"])
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_BLANK_LINE: Final = re.compile(rb"(?m)^[ \t]++\r?$")
_HEADER_LINE: Final = re.compile(rb"[!-9;-~]{1,200}:")


def parse_report(raw: bytes) -> Report | None:
    """Return what a report says, or nothing when these bytes are no report. Never raises."""
    root, _defects = parse_structure(raw)
    if root.content_type != "multipart/report":
        return None
    parts = _leaves(root)
    status = next((part for part in parts if part.content_type in _DELIVERY_STATUS), None)
    if status is not None:
        return _read_delivery_status(_blocks(status.content), original=_original(parts))
    kind = "message/disposition-notification"
    disposition = next((part for part in parts if part.content_type == kind), None)
    if disposition is not None:
        return _read_disposition(_blocks(disposition.content), original=_original(parts))
    return None


def _leaves(part: Part) -> list[Part]:
    if not part.is_container:
        return [part]
    return [leaf for child in part.children for leaf in _leaves(child)]


def _original(parts: list[Part]) -> HeaderBlock:
    """Return the headers of the letter that the report gives back, wherever it put them."""
    for part in parts:
        if part.content_type in {"text/rfc822-headers", "message/rfc822", "message/rfc822-headers"}:
            return split_headers(part.content, 0, len(part.content))[0]
    return HeaderBlock((), ())


def _blocks(content: bytes) -> list[HeaderBlock]:
    """Cut the body of a report into its groups of fields, separated by empty lines."""
    content = _BLANK_LINE.sub(b"", content)
    blocks: list[HeaderBlock] = []
    position = 0
    while position < len(content) and len(blocks) <= MAX_RECIPIENTS:
        block, after = split_headers(content, position, len(content))
        if block.fields:
            blocks.append(block)
        if after <= position:
            # A line that is no field: the next ones may be.
            line_end = content.find(b"\n", position)
            after = len(content) if line_end < 0 else line_end + 1
        position = after
    return blocks


def _read_delivery_status(blocks: list[HeaderBlock], *, original: HeaderBlock) -> Report:
    envelope_id = next(
        (value for block in blocks if (value := block.first("Original-Envelope-Id"))), ""
    )
    said = [_read_recipient(block) for block in blocks if _is_of_recipient(block)]
    recipients = tuple(status for status in said if status is not None)
    return Report(
        kind="dsn",
        original_message_id=_first_identifier(original),
        original_envelope_id=clean_line(envelope_id, limit=200),
        recipients=recipients,
        unread=len(said) - len(recipients),
    )


def _is_of_recipient(block: HeaderBlock) -> bool:
    return any(block.first(name) for name in ("Final-Recipient", "Original-Recipient", "Action"))


def _read_recipient(block: HeaderBlock) -> DeliveryStatus | None:
    action = block.first("Action").partition(" ")[0].strip().lower()
    action = "failed" if action == "failure" else action
    recipient, final = _recipients(block)
    if action not in _ACTIONS or not recipient:
        return None
    status = _STATUS.search(block.first("Status"))
    diagnostic = block.first("Diagnostic-Code")
    kind, semicolon, text = diagnostic.partition(";")
    return DeliveryStatus(
        recipient=recipient,
        action=cast("DeliveryAction", action),
        status=status.group() if status else "",
        diagnostic=clean_line(
            text if semicolon and " " not in kind.strip() else diagnostic, limit=1_000
        ),
        final=final,
    )


def _recipients(block: HeaderBlock) -> tuple[str, str]:
    """The recipient as the sender wrote it, or else as the reporter calls it; and the latter when
    it is another.
    """
    original = _typed_address(block.first("Original-Recipient"))
    final = _typed_address(block.first("Final-Recipient"))
    if not original or original.lower() == final.lower():
        return final, ""
    return original, final


def _read_disposition(blocks: list[HeaderBlock], *, original: HeaderBlock) -> Report:
    """Read an MDN: an error is ``failed``; displayed, processed, and a reader who would rather not
    say (``denied``) are ``delivered``: whatever it says, the letter was there to be spoken of.
    """
    block = blocks[0] if blocks else HeaderBlock((), ())
    _mode, _semicolon, disposition = block.first("Disposition").partition(";")
    kind, _slash, modifier = disposition.strip().lower().partition("/")
    is_failure = modifier.startswith(("error", "failure")) or kind.strip() == "failed"
    recipient, final = _recipients(block)
    error = block.first("Error") or block.first("Failure") or modifier.partition(":")[2]
    status = DeliveryStatus(
        recipient=recipient,
        action="failed" if is_failure else "delivered",
        status="",
        diagnostic=clean_line(error if is_failure else kind, limit=1_000),
        final=final,
    )
    identifiers = parse_identifiers(block.first("Original-Message-ID"))
    return Report(
        kind="mdn",
        original_message_id=identifiers[0] if identifiers else _first_identifier(original),
        original_envelope_id="",
        recipients=(status,) if recipient and kind.strip() else (),
    )


def _first_identifier(headers: HeaderBlock) -> str:
    return next(iter(parse_identifiers(headers.first("Message-ID"))), "")


def _typed_address(value: str) -> str:
    """Read ``rfc822; someone@somewhere.example``; the type may be missing, brackets added."""
    address = value.rpartition(";")[2].strip().strip("<>").strip()
    return lower_domain(address) if is_valid_address(address) else ""


def compose_report(  # noqa: PLR0913 - the facts of RFC 3464, named one by one.
    *,
    from_: Address,
    to: Address,
    reporting_mta: str,
    original_message_id: str,
    original_headers: bytes,
    recipients: Sequence[DeliveryStatus],
    text: str,
    subject: str,
    message_id: str,
    date: datetime,
    arrival: datetime | None = None,
    envelope_id: str = "",
) -> bytes:
    """Write a delivery report: text, per-recipient fields, headers of the letter and never its
    content. ``final`` of a recipient is the address we used, ``recipient`` the sender's own word
    for it; ``envelope_id`` is the sender's word for the letter.

    Raises ``MimeError`` when there is no recipient to report on, or when an address or identifier
    cannot be written.
    """
    if not recipients or not is_valid_identifier(message_id):
        raise MimeError("a report needs recipients and an identifier")
    headers = [
        date_field(date),
        address_field("From", (from_,)),
        address_field("To", (to,)),
        text_field("Subject", subject),
        identifier_field("Message-ID", (message_id,)),
        identifier_field("In-Reply-To", (original_message_id,)),
        identifier_field("References", (original_message_id,)),
        # RFC 3834 §5: no program answers this.
        b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",
    ]
    facts = _message_facts(reporting_mta, arrival=arrival, envelope_id=envelope_id)
    status = _status_part(facts, recipients)
    parts = [text_part(text), status, _returned_part(original_headers)]
    boundary = boundary_for(message_id)
    parameters = " report-type=delivery-status;"
    return b"".join(headers) + multipart("report", parts, boundary=boundary, parameters=parameters)


def _message_facts(
    reporting_mta: str, *, arrival: datetime | None, envelope_id: str
) -> list[bytes]:
    facts = [plain_field("Original-Envelope-Id", envelope_id)] if envelope_id else []
    facts.append(plain_field("Reporting-MTA", f"dns; {reporting_mta}"))
    if arrival is not None:
        facts.append(b"Arrival-" + date_field(arrival))
    return facts


def _status_part(facts: list[bytes], recipients: Sequence[DeliveryStatus]) -> bytes:
    lines = [b"Content-Type: message/delivery-status\r\n\r\n", *facts]
    for one in recipients:
        final = one.final or one.recipient
        if not is_valid_address(final):
            raise MimeError("not a valid address")
        lines.append(CRLF)
        if one.final:
            lines.append(plain_field("Original-Recipient", _typed(one.recipient)))
        lines += [
            plain_field("Final-Recipient", _typed(final)),
            plain_field("Action", one.action),
            plain_field(
                "Status", one.status if _STATUS.fullmatch(one.status) else _default_status(one)
            ),
        ]
        if one.diagnostic:
            lines.append(plain_field("Diagnostic-Code", f"smtp; {one.diagnostic}"))
    return b"".join(lines)


def _typed(address: str) -> str:
    """An address with its type (RFC 3464 §2.1.2); most have the ordinary one."""
    kind, semicolon, rest = address.partition(";")
    return f"{kind}; {rest}" if semicolon else f"rfc822; {address}"


def _default_status(failure: DeliveryStatus) -> str:
    """RFC 3463 §3.1: an undefined status of the class that the action names."""
    return {"failed": "5.0.0", "delayed": "4.0.0"}.get(failure.action, "2.0.0")


def _returned_part(original: bytes) -> bytes:
    """Keep the header lines only, in ASCII and short enough, whatever these bytes are.

    Nothing below the first empty line is read: a report gives back no content (and no line here can
    be a delimiter, which is neither a field nor indented).
    """
    kept: list[bytes] = []
    head = original[:MAX_RETURNED_HEADERS]
    for line in head.replace(CRLF, b"\n").replace(b"\r", b"\n").split(b"\n"):
        if not line:
            break
        is_continuation = line[:1] in b" \t" and bool(kept) and bool(line.strip())
        if is_continuation or _HEADER_LINE.match(line):
            plain = re.sub(r"[^\x20-\x7e\t]", "?", decode_undeclared(line))
            kept.append(plain[:990].encode("ascii") + CRLF)
    return b"Content-Type: text/rfc822-headers\r\n\r\n" + b"".join(kept)
