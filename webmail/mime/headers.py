"""The header block of a letter or of one of its parts: raw bytes in; names, decoded values and
parameters out.

Structure is read before encoded words are decoded, so that no decoded text is ever taken for
syntax. Everything is one pass: a header of a megabyte costs what a megabyte costs. Knows no body.
"""

import binascii
import re
from dataclasses import dataclass
from io import BytesIO
from typing import Final
from urllib.parse import unquote_to_bytes

from webmail.mime.charsets import decode, decode_undeclared

MAX_BLOCK_BYTES: Final = 512_000
MAX_VALUE_BYTES: Final = 64_000
MAX_HEADERS: Final = 1_000
MAX_PARAMETERS: Final = 200
_STEP_BYTES: Final = 256 * 1024

_FIELD: Final = re.compile(rb"([!-9;-~]{1,200})[ \t]*:[ \t]*")
_WORD_START: Final = re.compile(r"=\?([^?\s*]{1,64})(?:\*[^?\s]{0,32})?\?([bBqQ])\?")
_SECTION: Final = re.compile(r"([^*]{1,64})(?:\*(\d{1,3}))?(\*)?")
_NOT_BASE64: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """Headers in their order, unfolded and still encoded; names keep their case."""

    fields: tuple[tuple[str, str], ...]
    defects: tuple[str, ...]

    def first(self, name: str) -> str:
        """Return the first value under this name, still encoded; empty when there is none."""
        wanted = name.lower()
        return next((value for key, value in self.fields if key.lower() == wanted), "")

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.fields if key.lower() == wanted]


def split_headers(raw: bytes, start: int, end: int) -> tuple[HeaderBlock, int]:
    """Read headers from ``start``; return them and where the body begins.

    A line that is neither a field nor a continuation ends the block and belongs to the body, as in
    the standard library: two readers that disagree here see two different letters.
    """
    fields: list[tuple[str, bytearray]] = []
    defects: dict[str, None] = {}
    position = start
    while position < end:
        line_end = raw.find(b"\n", position, end)
        next_line = end if line_end < 0 else line_end + 1
        if position - start > MAX_BLOCK_BYTES:
            defects["headers-too-long"] = None
            next_line = _blank_line(raw, position, end)
            position = next_line
            break
        line = raw[position:next_line].rstrip(b"\r\n")
        if not line:
            position = next_line
            break
        if not _take_line(line, fields, defects):
            is_mbox = position == start and line.startswith((b"From ", b">From "))
            if not is_mbox:
                defects["missing-header-body-separator"] = None
                break
        position = next_line
    decoded = tuple((name, decode_undeclared(bytes(value)).strip()) for name, value in fields)
    return HeaderBlock(decoded, tuple(defects)), position


def _blank_line(raw: bytes, position: int, end: int) -> int:
    """Return where the body begins when the rest of an endless header block is passed over."""
    found = [
        at + len(mark)
        for mark in (b"\n\r\n", b"\n\n")
        if (at := raw.find(mark, position, end)) >= 0
    ]
    return min(found, default=end)


def _take_line(line: bytes, fields: list[tuple[str, bytearray]], defects: dict[str, None]) -> bool:
    if line[:1] in b" \t":
        if fields:
            _append(fields[-1][1], b" " + line.strip(), defects)
        return True
    match = _FIELD.match(line)
    if match is None:
        return False
    if len(fields) >= MAX_HEADERS:
        defects["too-many-headers"] = None
        return True
    value = bytearray()
    _append(value, line[match.end() :], defects)
    fields.append((match.group(1).decode("ascii"), value))
    return True


def _append(value: bytearray, more: bytes, defects: dict[str, None]) -> None:
    room = MAX_VALUE_BYTES - len(value)
    if len(more) > room:
        defects["header-too-long"] = None
    value += more[: max(room, 0)]


def decode_words(text: str) -> str:
    """Decode the encoded words of RFC 2047, wherever they stand: inside quotes and glued to text
    too.

    Neighbours in one charset are joined before decoding, since senders cut inside a character.
    """
    pieces: list[str] = []
    pending: tuple[str, bytes] | None = None
    position = 0
    while (start := _WORD_START.search(text, position)) is not None:
        stop = text.find("?=", start.end())
        if stop < 0:
            break
        charset, kind = start.group(1), start.group(2).lower()
        content = _word_bytes(text[start.end() : stop], kind)
        between = text[position : start.start()]
        if pending and not between.strip() and pending[0] == charset.lower():
            pending = (pending[0], pending[1] + content)
        else:
            pieces.append(_flush(pending))
            if not (pending and not between.strip()):
                pieces.append(between)
            pending = (charset.lower(), content)
        position = stop + 2
    pieces.append(_flush(pending))
    pieces.append(text[position:])
    return "".join(pieces)


def _flush(pending: tuple[str, bytes] | None) -> str:
    return decode(pending[1], pending[0])[0] if pending else ""


def _word_bytes(text: str, kind: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if kind == "q":
        return binascii.a2b_qp(raw, header=True)
    return decode_base64(raw)[0]


def decode_base64(raw: bytes, start: int = 0, end: int | None = None) -> tuple[bytes, str]:
    """Decode base64 as far as it goes; the slug says what was wrong, empty when nothing was.

    Of a large range, nothing but the result is ever held whole.
    """
    end = len(raw) if end is None else end
    pad = raw.find(b"=", start, end)
    tail = raw[pad:end].translate(None, b"= \t\r\n") if pad >= 0 else b""
    defect = "trailing-base64" if tail else ""
    last = end if pad < 0 else pad
    decoded, letters = BytesIO(), b""
    for position in range(start, last, _STEP_BYTES):
        piece = raw[position : min(position + _STEP_BYTES, last)]
        letters += piece.translate(None, _NOT_BASE64)
        whole = len(letters) - len(letters) % 4
        decoded.write(binascii.a2b_base64(letters[:whole]))
        letters = letters[whole:]
    if len(letters) == 1:
        letters, defect = b"", "truncated-base64"
    decoded.write(binascii.a2b_base64(letters + b"=" * (-len(letters) % 4)))
    return decoded.getvalue(), defect


def split_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Read ``token; name=value; …`` (RFC 2045 §5.1, RFC 2231); the first of two equal names wins.

    Continuations are joined and extended values decoded. Never raises.
    """
    pieces = _split_outside_quotes(value, ";")
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for piece in pieces[1 : MAX_PARAMETERS + 1]:
        name, equals, text = piece.partition("=")
        match = _SECTION.fullmatch(name.strip().lower())
        if not equals or match is None:
            continue
        key, number, star = match.group(1), match.group(2), match.group(3)
        text = _unquote(text.strip())
        if number is None and star is None:
            plain.setdefault(key, text)
        else:
            sections.setdefault(key, {}).setdefault(int(number or 0), (text, star is not None))
    extended = {key: _join_sections(found) for key, found in sections.items()}
    return pieces[0].strip().lower(), plain | {key: text for key, text in extended.items() if text}


def _split_outside_quotes(value: str, separator: str) -> list[str]:
    pieces: list[str] = []
    quoted = escaped = False
    start = 0
    for index, char in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == separator and not quoted:
            pieces.append(value[start:index])
            start = index + 1
    pieces.append(value[start:])
    return pieces


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", r"\1", text[1:].removesuffix('"'))


def _join_sections(found: dict[int, tuple[str, bool]]) -> str:
    """Join RFC 2231 continuations; charset and language stand in the first one only."""
    charset = ""
    content = bytearray()
    for order, number in enumerate(sorted(found)):
        text, is_extended = found[number]
        if order == 0 and is_extended and text.count("'") >= 2:  # noqa: PLR2004 - charset'language'text.
            charset, _language, text = text.split("'", 2)
        raw = text.encode("utf-8", "replace")
        content += unquote_to_bytes(raw) if is_extended else raw
    return decode(bytes(content), charset)[0]
