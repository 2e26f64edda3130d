"""What the parameters of MAIL and RCPT ask of us: size, body, reports on the delivery (RFC 1870,
6152, 3461). Parsed words in, values or the answer for a malformed one out; it knows no state.
"""

from dataclasses import dataclass
from typing import Final

from webmail.inbound.gate import Reply
from webmail.mime.esmtp import LONGEST_ENVELOPE_ID, decode_xtext, parse_notify, parse_original

_BODIES: Final = frozenset({"7BIT", "8BITMIME"})
_RETURNS: Final = frozenset({"FULL", "HDRS"})


@dataclass(frozen=True, slots=True)
class LetterAsked:
    """What MAIL says beyond its path. What RET asks for changes nothing: no content ever goes
    back.
    """

    size: int = 0
    envelope_id: str = ""  # As the sender calls the letter; decoded.


@dataclass(frozen=True, slots=True)
class ReportAsked:
    """What RCPT says beyond its path. No ``notify``: nothing was said of it."""

    notify: tuple[str, ...] = ()
    original: str = ""  # The recipient as the sender first wrote it: ``rfc822;address``.


def read_letter_asked(params: dict[str, str]) -> LetterAsked | Reply:
    """The parameters of MAIL; 555 for one we never offered, 501 for one that is malformed."""
    if params.keys() - {"SIZE", "BODY", "RET", "ENVID"}:
        return _unknown("MAIL FROM")
    size = params.get("SIZE", "0")
    if not (size.isascii() and size.isdigit()):
        return _malformed("SIZE")
    if params.get("BODY", "7BIT").upper() not in _BODIES:
        return _unknown("MAIL FROM")
    if params.get("RET", "HDRS").upper() not in _RETURNS:
        return _malformed("RET")
    written = params.get("ENVID")
    envelope_id = decode_xtext(written or "")
    if len(written or "") > LONGEST_ENVELOPE_ID or envelope_id is None or written == "":
        return _malformed("ENVID")
    return LetterAsked(int(size), envelope_id)


def read_report_asked(params: dict[str, str]) -> ReportAsked | Reply:
    """The parameters of RCPT; answers as for MAIL."""
    if params.keys() - {"NOTIFY", "ORCPT"}:
        return _unknown("RCPT TO")
    notify = parse_notify(params["NOTIFY"]) if "NOTIFY" in params else ()
    if notify is None:
        return _malformed("NOTIFY")
    original = parse_original(params["ORCPT"]) if "ORCPT" in params else ""
    if original is None:
        return _malformed("ORCPT")
    return ReportAsked(notify, original)


def _unknown(command: str) -> Reply:
    return Reply(555, "5.5.4", f"{command} parameters not recognized or not implemented")


def _malformed(parameter: str) -> Reply:
    return Reply(501, "5.5.4", f"malformed {parameter}")
