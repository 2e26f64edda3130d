"""Addresses as people type them and as software compares them.

The space of trust is ASCII only, so an address typed here is a strict RFC 5321 dot-string at a host
name; what peers write in their headers is read with more patience in ``headers``. Knows no mailbox
and no white list.
"""

import re
from typing import Final

from webmail.mime.text import clean_line
from webmail.mime.types import Address, MimeError

MAX_ADDRESS_CHARS: Final = 254
MAX_LOCAL_CHARS: Final = 64
MAX_TYPED_CHARS: Final = 100_000

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}")
_SEPARATORS: Final = frozenset(",;\r\n")


class AddressError(MimeError):
    """A piece that is no address; ``text`` is that piece, for the person who typed it and for no
    log.
    """

    def __init__(self, text: str) -> None:
        super().__init__("not an address")
        self.text = text


def is_valid_address(address: str) -> bool:
    """Whether this is a bare ASCII address, dot-string at host name, within the lengths of RFC 5321
    §4.5.3.1.
    """
    local, at, domain = address.rpartition("@")
    return (
        bool(at)
        and len(address) <= MAX_ADDRESS_CHARS
        and len(local) <= MAX_LOCAL_CHARS
        and _LOCAL.fullmatch(local) is not None
        and _DOMAIN.fullmatch(domain) is not None
    )


def domain_of(address: str) -> str:
    """Return what follows the last at sign, lower case; empty when there is none."""
    _local, at, domain = address.rpartition("@")
    return domain.strip().lower() if at else ""


def normalise_address(address: str) -> str:
    """Return the form under which two addresses are compared.

    RFC 5321 §2.4 lets the local part be case sensitive; no operator of the space of trust treats it
    so.
    """
    return address.strip().lower()


def lower_domain(address: str) -> str:
    """Return the address with its domain in lower case and its local part as it came."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}" if at else address


def parse_address_list(text: str) -> tuple[Address, ...]:
    """Read what a person typed: addresses, bare or ``Name <address>``, separated by commas,
    semicolons or lines.

    The same address twice is kept once, the first time. Raises ``AddressError`` with the first
    piece that is no address.
    """
    if len(text) > MAX_TYPED_CHARS:
        raise AddressError(text[:80])
    found: dict[str, Address] = {}
    for piece in _split(text):
        address = _parse_one(piece)
        found.setdefault(normalise_address(address.address), address)
    return tuple(found.values())


def _split(text: str) -> list[str]:
    """Cut at separators that stand neither between quotes nor between angle brackets."""
    pieces: list[str] = []
    current: list[str] = []
    quoted = escaped = bracketed = False
    for char in text:
        if char in _SEPARATORS and not quoted and not bracketed:
            pieces.append("".join(current))
            current = []
            continue
        current.append(char)
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "<>":
            bracketed = char == "<"
    if quoted or bracketed:
        raise AddressError("".join(current).strip())
    pieces.append("".join(current))
    return [piece.strip() for piece in pieces if piece.strip()]


def _parse_one(piece: str) -> Address:
    if not piece.endswith(">"):
        name, address = "", piece
    else:
        name, _bracket, address = piece[:-1].rpartition("<")
    address = address.strip()
    if not is_valid_address(address):
        raise AddressError(piece)
    plain = re.sub(r'\\(.)|"', r"\1", name)
    return Address(name=clean_line(plain, limit=200), address=lower_domain(address))
