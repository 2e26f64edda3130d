"""What delivery reports need inside SMTP: xtext, and the parameters of MAIL and RCPT by which one
side asks the other for reports (RFC 3461). Text in, text out; it knows no socket and no letter.
"""

import re
from collections.abc import Sequence
from typing import Final

LONGEST_ENVELOPE_ID: Final = 100  # RFC 3461 §4.4, before it is decoded.
LONGEST_ORIGINAL: Final = 500  # RFC 3461 §4.2.
SUCCESS: Final = "SUCCESS"
FAILURE: Final = "FAILURE"
DELAY: Final = "DELAY"
NEVER: Final = "NEVER"

# RFC 3461 §4: any printable character but "+" and "=" stands for itself.
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_ESCAPE: Final = re.compile(r"\+([0-9A-F]{2})")
_ADDRESS_TYPE: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
_EVENTS: Final = (SUCCESS, FAILURE, DELAY)


def encode_xtext(text: str) -> str:
    """Raises ``UnicodeEncodeError`` for what is not ASCII: xtext has no place for it."""
    return "".join(
        chr(octet) if _XTEXT.fullmatch(chr(octet)) else f"+{octet:02X}"
        for octet in text.encode("ascii")
    )


def decode_xtext(text: str) -> str | None:
    """``None`` when it is no xtext, or hides what is no printable ASCII."""
    if not _XTEXT.fullmatch(text):
        return None
    decoded = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return decoded if decoded.isascii() and decoded.isprintable() else None


def parse_notify(value: str) -> tuple[str, ...] | None:
    """``NEVER``, or some of SUCCESS, FAILURE and DELAY, each once; ``None`` for anything else."""
    events = tuple(value.upper().split(","))
    if events == (NEVER,):
        return events
    if len(set(events)) == len(events) and set(events) <= set(_EVENTS):
        return events
    return None


def parse_original(value: str) -> str | None:
    """``rfc822;xtext`` → ``rfc822;address``; ``None`` for anything else."""
    kind, semicolon, rest = value.partition(";")
    address = decode_xtext(rest)
    is_written_well = bool(semicolon) and _ADDRESS_TYPE.fullmatch(kind) is not None
    if not is_written_well or not address or len(value) > LONGEST_ORIGINAL:
        return None
    return f"{kind.lower()};{address}"


def mail_options(envelope_id: str) -> str:
    """What follows MAIL FROM, with its leading space: headers are enough to come back."""
    return f" RET=HDRS ENVID={encode_xtext(envelope_id)}" if envelope_id else ""


def rcpt_options(recipient: str, notify: Sequence[str]) -> str:
    """What follows RCPT TO, with its leading space. Nobody is asked for anything about a letter
    that itself has no sender (RFC 3461 §6.4: a report asks ``NEVER``).
    """
    if not notify:
        return ""
    asked = f" NOTIFY={','.join(notify)}"
    if tuple(notify) == (NEVER,):
        return asked
    return f"{asked} ORCPT=rfc822;{encode_xtext(recipient)}"
