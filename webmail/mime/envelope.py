"""What the headers of a letter say: correspondents, date, identifiers. Header values in, typed
values out.

Reads what strangers wrote, so everything doubtful is left out rather than guessed, and nothing is
ever raised.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz
from typing import Final

from webmail.mime.addresses import lower_domain
from webmail.mime.headers import HeaderBlock, decode_words
from webmail.mime.text import clean_line
from webmail.mime.types import Address

MAX_ADDRESSES: Final = 1_000
MAX_REFERENCES: Final = 200

_IDENTIFIER: Final = re.compile(r"<\s*([^<>\s]{1,900})\s*>")
_SPEC: Final = re.compile(r"[^\s@<>,;]{1,64}@[^\s@<>,;\"()\[\]:\\]{1,253}")


def parse_header_addresses(values: list[str]) -> tuple[Address, ...]:
    """Read the addresses of some headers of one name; what holds no address is left out.

    One pass over quotes, comments, groups and angle brackets; display names are decoded after that,
    so that a name that decodes to ``<someone@else.example>`` stays a name.
    """
    found: list[Address] = []
    for value in values:
        found += _Scanner(value).addresses()
        if len(found) >= MAX_ADDRESSES:
            break
    return tuple(found[:MAX_ADDRESSES])


class _Scanner:
    """The states of one pass over an address list (RFC 5322 §3.4)."""

    __slots__ = ("angle", "comment", "found", "literal", "name", "value")

    def __init__(self, value: str) -> None:
        self.value = value
        self.found: list[Address] = []
        # Opening signs that are never closed are text from then on; looking for their end again
        # would be quadratic.
        self.literal: set[str] = set()
        self._reset()

    def _reset(self) -> None:
        self.name: list[str] = []
        self.comment: list[str] = []
        self.angle: list[str] | None = None

    def addresses(self) -> list[Address]:
        position, size = 0, len(self.value)
        while position < size:
            char = self.value[position]
            if char in self.literal:
                position += 1
            elif char == '"':
                position = self._quoted(position)
            elif char == "(":
                position = self._comment(position)
            elif char == "<":
                position = self._angle(position)
            else:
                self._plain(char)
                position += 1
        self._finish()
        return self.found

    def _plain(self, char: str) -> None:
        if char in ",;":
            self._finish()
        elif char == ":" and self.angle is None and "@" not in "".join(self.name[-64:]):
            # The name of a group ("Undisclosed recipients:;") is no correspondent.
            self.name.clear()
        else:
            self.name.append(char)

    def _quoted(self, position: int) -> int:
        end = position + 1
        text: list[str] = []
        while end < len(self.value) and self.value[end] != '"':
            if self.value[end] == "\\" and end + 1 < len(self.value):
                end += 1
            text.append(self.value[end])
            end += 1
        if end >= len(self.value):
            self.literal.add('"')
            return position + 1
        is_local = self.value[end + 1 : end + 2] == "@"
        self.name.append(f'"{"".join(text)}"' if is_local else "".join(text))
        return end + 1

    def _comment(self, position: int) -> int:
        depth, end = 0, position
        while end < len(self.value):
            char = self.value[end]
            if char == "\\":
                end += 1
            elif char == "(":
                depth += 1
            elif char == ")":
                depth -= 1
                if depth == 0:
                    break
            end += 1
        if end >= len(self.value):
            self.literal.add("(")
            return position + 1
        self.comment.append(self.value[position + 1 : end])
        return end + 1

    def _angle(self, position: int) -> int:
        if self.angle is not None:
            self._finish()
        end = self.value.find(">", position)
        if end < 0:
            end = len(self.value)
        inner = self.value[position + 1 : end]
        # A route ("<@a,@b:c@d>") is obsolete and ignored (RFC 5322 §4.4).
        self.angle = [inner.rpartition(":")[2] if inner.startswith("@") else inner]
        return end + 1

    def _finish(self) -> None:
        name = "".join(self.name)
        if self.angle is not None:
            spec, shown = self.angle[0], name
        else:
            spec, shown = name, "".join(self.comment)
        address = _SPEC.fullmatch(clean_line(spec, limit=400))
        if address is not None:
            shown = _without_quotes(clean_line(decode_words(shown), limit=200))
            self.found.append(Address(shown, lower_domain(address.group())))
        self._reset()


def _without_quotes(name: str) -> str:
    """Take off the pair of quotes that some senders put inside the encoded word, or around it."""
    is_quoted = len(name) > 1 and name[0] == name[-1] and name[0] in "\"'"
    return name[1:-1].strip() if is_quoted else name


def parse_identifiers(value: str) -> tuple[str, ...]:
    """Return message identifiers without their brackets, each once; of too many, the first and the
    latest.
    """
    found = list(dict.fromkeys(clean_line(text) for text in _IDENTIFIER.findall(value)))
    if not found and value.strip():
        found = [clean_line(value.split(maxsplit=1)[0].strip("<>"), limit=900)]
    found = [text for text in found if text]
    if len(found) > MAX_REFERENCES:
        found = [found[0], *found[-(MAX_REFERENCES - 1) :]]
    return tuple(found)


def parse_date(value: str) -> datetime | None:
    """Return the moment in UTC, or nothing when it cannot be read; an unknown zone counts as UTC
    (RFC 5322 §3.3).
    """
    try:
        parsed = parsedate_tz(clean_line(value, limit=200))
        if parsed is None:
            return None
        year, month, day, hour, minute, second = parsed[:6]
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return local - timedelta(seconds=parsed[9] or 0)
    except (ValueError, OverflowError, IndexError, TypeError):
        # The standard parser has raised each of these on malformed dates; all mean the same here.
        return None


def is_auto_submitted(headers: HeaderBlock) -> bool:
    """Whether a program wrote this letter, so that no program answers it (RFC 3834 §2 and §5)."""
    submitted = headers.first("Auto-Submitted").partition(";")[0].strip().lower()
    precedence = headers.first("Precedence").strip().lower()
    return submitted not in {"", "no"} or precedence in {"bulk", "junk", "list", "auto_reply"}
