"""Certificate names in one comparable form, whether they come as a line of the white list or from a
certificate.

The real list writes the same name in several ways (quotes, non-breaking spaces, "Paris(75)"); both
sides go through here before they are compared. Text only: it knows no certificate and no list.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable

# One RDN is its sorted (type, value) pairs; a name is its sorted RDNs: order never decides.
Rdn = tuple[tuple[str, str], ...]
NormalisedDn = tuple[Rdn, ...]

# The longest name of the real list has 130 characters; this bounds the work of the expressions.
LONGEST_DN = 4096

_TYPE = r"(?:[A-Za-z][A-Za-z0-9-]*|(?:[Oo][Ii][Dd]\.)?\d+(?:\.\d+)+)"
# A comma ends a value only where another "type=" follows: the list holds names that do not escape
# theirs.
_END = rf"\s*(?:\Z|(?P<separator>[,;+])\s*(?={_TYPE}\s*=))"
_START = re.compile(rf"\s*(?P<type>{_TYPE})\s*=\s*")
_QUOTED = re.compile(rf'"(?P<value>(?:\\.|[^\\])*?)"{_END}', re.DOTALL)
_PLAIN = re.compile(rf"(?P<value>(?:\\.|[^\\])*?){_END}", re.DOTALL)
_ESCAPE = re.compile(r"(?P<bytes>(?:\\[0-9A-Fa-f]{2})+)|\\(?P<character>.)", re.DOTALL)

# One word per type. L stands for ST: the list and the certificates do not agree on which of them
# the department is.
_TYPES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "ST",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "TITLE",
    "2.5.4.42": "GN",
    "2.5.4.97": "ORGANIZATIONIDENTIFIER",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "EMAILADDRESS",
    "L": "ST",
    "S": "ST",
    "SP": "ST",
    "T": "TITLE",
    "E": "EMAILADDRESS",
    "GIVENNAME": "GN",
    "SURNAME": "SN",
}


class DnError(ValueError):
    """A text that is no certificate name."""


def normalise_dn(dn: str) -> NormalisedDn:
    """The comparable form of a name written as text (RFC 4514, and the quoted form of RFC 1779).

    Guaranteed the same for names that differ only in order, case, quoting, Unicode form, kind or
    number of spaces. Raises ``DnError`` for a text that is no name.
    """
    return normalise_rdns(_parse_rdns(dn))


def dn_hash(dn: str) -> str:
    """The hash under which a name is looked up; raises ``DnError`` as ``normalise_dn`` does."""
    return hash_name(normalise_dn(dn))


def normalise_rdns(rdns: Iterable[Iterable[tuple[str, str]]]) -> NormalisedDn:
    """The comparable form of a name already taken apart into pairs of type (or OID) and value."""
    normalised = tuple(
        sorted(tuple(sorted(_normalise_pair(kind, value) for kind, value in rdn)) for rdn in rdns)
    )
    if not normalised:
        raise DnError("An empty name identifies nobody.")
    return normalised


def hash_name(name: NormalisedDn) -> str:
    """SHA-256 of the comparable form; JSON keeps the parts apart whatever characters they hold."""
    return hashlib.sha256(json.dumps(name, separators=(",", ":")).encode("ascii")).hexdigest()


def _parse_rdns(text: str) -> list[list[tuple[str, str]]]:
    if len(text) > LONGEST_DN:
        raise DnError("A name this long is none.")
    rdns: list[list[tuple[str, str]]] = [[]]
    position = 0
    while True:
        start = _START.match(text, position)
        if start is None:
            raise DnError("A part of the name has no type.")
        quoted = _QUOTED.match(text, start.end())
        found = quoted or _PLAIN.match(text, start.end())
        if found is None:
            raise DnError("A part of the name does not end.")
        value = _unescape(found["value"].replace('""', '"') if quoted else found["value"])
        rdns[-1].append((start["type"], value))
        if found["separator"] is None:
            return rdns
        if found["separator"] != "+":
            rdns.append([])
        position = found.end()


def _unescape(value: str) -> str:
    def plain(found: re.Match[str]) -> str:
        if found["character"] is not None:
            return found["character"]
        return bytes.fromhex(found["bytes"].replace("\\", "")).decode("utf-8")

    try:
        return _ESCAPE.sub(plain, value)
    except UnicodeDecodeError as error:
        raise DnError("An escaped part of the name is no UTF-8.") from error


def _normalise_pair(kind: str, value: str) -> tuple[str, str]:
    name = kind.upper().removeprefix("OID.")
    name = _TYPES.get(name, name)
    # str.split takes the non-breaking spaces too (U+00A0, U+202F) and trims both ends.
    folded = " ".join(unicodedata.normalize("NFC", value).split())
    folded = unicodedata.normalize("NFC", folded.casefold())
    if name == "ST":
        folded = re.sub(r" ?\( ?", " (", folded).replace(" )", ")").strip()
    return name, folded
