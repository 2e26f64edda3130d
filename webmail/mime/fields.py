"""Header fields as they go on the wire: values in, folded ASCII lines with CRLF out.

Every value is cleaned of line ends and controls here, so that no caller can add a header by writing
text. Knows no message.
"""

import base64
import re
from typing import Final
from urllib.parse import quote

from webmail.mime.addresses import is_valid_address
from webmail.mime.text import clean_line
from webmail.mime.types import Address, MimeError

CRLF: Final = b"\r\n"
_WIDTH: Final = 76
_WORD_BYTES: Final = (
    42  # In base64 with its frame one encoded word stays under the 75 of RFC 2047 §2.
)
_NOT_ASCII: Final = re.compile(r"[^\x20-\x7e]")
_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,60}")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_IDENTIFIER: Final = re.compile(r"[!-;=?-~]{1,900}")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9 !#$&'()+,.=@\[\]^_`{}~-]{1,60}")


def text_field(name: str, value: str) -> bytes:
    """Return an unstructured field; all but short plain ASCII becomes encoded words (RFC 2047)."""
    line = clean_line(value)
    words = line.split(" ")
    if line.isascii() and "=?" not in line and all(len(word) < _WIDTH for word in words):
        return _fold(name, words)
    return _fold(name, _encoded_words(line))


def plain_field(name: str, value: str) -> bytes:
    """Return a field that machines read: ASCII as it is, anything else a question mark."""
    words = _NOT_ASCII.sub("?", clean_line(value)).split(" ")
    return _fold(
        name, [word[cut : cut + 900] for word in words for cut in range(0, len(word) or 1, 900)]
    )


def address_field(name: str, addresses: tuple[Address, ...]) -> bytes:
    """Return a field of mailboxes. Raises ``MimeError`` when an address is not a valid one."""
    pieces: list[str] = []
    for index, address in enumerate(addresses):
        last = "," if index + 1 < len(addresses) else ""
        pieces += _mailbox(address)
        pieces[-1] += last
    return _fold(name, pieces)


def identifier_field(name: str, identifiers: tuple[str, ...]) -> bytes:
    """Return a field of message identifiers; those that RFC 5322 could not carry are left out."""
    valid = [f"<{text}>" for text in identifiers if is_valid_identifier(text)]
    return _fold(name, valid) if valid else b""


def is_valid_identifier(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None


def file_parameters(name: str) -> tuple[str, str]:
    """Return the ``name`` and ``filename`` parameters, each with its leading line end.

    A plain name is a quoted string in both. Any other is given twice: by RFC 2231, and in the
    encoded words that the many readers who never learnt RFC 2231 look for.
    """
    if _PLAIN_NAME.fullmatch(name):
        return f';\r\n name="{name}"', f';\r\n filename="{name}"'
    words = "\r\n ".join(_encoded_words(name))
    octets = [quote(char, safe="") for char in name]
    if sum(map(len, octets)) <= _WIDTH - 20:
        return f';\r\n name="{words}"', f";\r\n filename*=utf-8''{''.join(octets)}"
    return f';\r\n name="{words}"', "".join(_continuations(octets))


def _continuations(units: list[str]) -> list[str]:
    """Cut an extended value into RFC 2231 §3 sections, never inside a character."""
    sections: list[str] = ["utf-8''"]
    for unit in units:
        if len(sections[-1]) + len(unit) > _WIDTH - 22:
            sections.append("")
        sections[-1] += unit
    return [f";\r\n filename*{number}*={text}" for number, text in enumerate(sections)]


def field_name(name: str) -> str:
    """Return the name. Raises ``MimeError`` when it is not one a field may bear."""
    if not _FIELD_NAME.fullmatch(name):
        raise MimeError("not a header name")
    return name


def _mailbox(address: Address) -> list[str]:
    if not is_valid_address(address.address):
        raise MimeError("not a valid address")
    name = clean_line(address.name, limit=200)
    if not name:
        return [address.address]
    spec = f"<{address.address}>"
    if name.isascii() and "=?" not in name and len(name) < _WIDTH - 4:
        if _ATOMS.fullmatch(name) and "  " not in name:
            return [*name.split(" "), spec]
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return [f'"{escaped}"', spec]
    return [*_encoded_words(name), spec]


def _encoded_words(text: str) -> list[str]:
    chunks: list[bytes] = [b""]
    for char in text:
        octets = char.encode("utf-8", "replace")
        if len(chunks[-1]) + len(octets) > _WORD_BYTES:
            chunks.append(b"")
        chunks[-1] += octets
    return [f"=?utf-8?b?{base64.b64encode(chunk).decode('ascii')}?=" for chunk in chunks]


def _fold(name: str, pieces: list[str]) -> bytes:
    """Write pieces with one space between them, on lines that stay under 78 where a piece allows
    it.

    An empty piece (two spaces in a row) never begins a line, so that no line is white space only
    (RFC 5322 §3.2.2).
    """
    lines = [f"{field_name(name)}:"]
    for piece in pieces:
        if (
            piece
            and len(lines[-1]) + 1 + len(piece) > _WIDTH
            and not lines[-1].endswith((":", " "))
        ):
            lines.append("")
        lines[-1] += f" {piece}"
    return "\r\n".join(lines).encode("ascii") + CRLF
