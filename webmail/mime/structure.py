"""The tree of a letter's parts, found by its boundaries. Bytes in; leaves with their decoded
content out.

One search for delimiter lines per level, and a stated number of levels and parts: what lies beyond
a limit becomes one leaf of its own, so that nothing is dropped and nothing costs more than a few
passes over the bytes. Knows no text and no charset.
"""

import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from webmail.mime.headers import HeaderBlock, decode_base64, split_headers, split_parameters

MAX_DEPTH: Final = 50
MAX_PARTS: Final = 500

_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")
_IDENTITY: Final = frozenset(["", "7bit", "8bit", "binary"])
_BEYOND: Final = HeaderBlock((("Content-Type", "application/octet-stream"),), ())


@dataclass(frozen=True, slots=True)
class Part:
    """One part: a leaf has ``content``, a container has ``children``."""

    headers: HeaderBlock
    content_type: str
    parameters: dict[str, str]
    disposition: str
    disposition_parameters: dict[str, str]
    content: bytes = b""
    children: tuple["Part", ...] = ()

    @property
    def is_container(self) -> bool:
        return bool(self.children)


@dataclass(slots=True)
class Walk:
    """One reading of one letter: the bytes, what was counted, what was odd."""

    raw: bytes
    parts: int = 0
    defects: dict[str, None] = field(default_factory=dict)

    def note(self, *slugs: str) -> None:
        self.defects.update(dict.fromkeys(slug for slug in slugs if slug))


def parse_structure(raw: bytes) -> tuple[Part, tuple[str, ...]]:
    """Return the root part of any bytes at all, and the slugs of what was odd. Never raises."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    walk = Walk(raw)
    root = _read_part(walk, 0, len(raw), depth=0, default="text/plain")
    return root, tuple(walk.defects)


def _read_part(walk: Walk, start: int, end: int, *, depth: int, default: str) -> Part:
    headers, body = split_headers(walk.raw, start, end)
    walk.note(*headers.defects)
    walk.parts += 1
    part = _describe(walk, headers, default)
    if part.content_type.startswith("multipart/"):
        children = _read_children(walk, part, body, end, depth=depth)
        if children:
            return _with(part, children=children)
        # Nothing to split: what is there is shown as it is, never lost.
        walk.note("missing-boundary")
        return _with(part, content_type="text/plain", content=walk.raw[body:end])
    return _with(part, content=_decode_content(walk, headers, body, end))


def _describe(walk: Walk, headers: HeaderBlock, default: str) -> Part:
    declared, parameters = split_parameters(headers.first("Content-Type"))
    if not declared:
        declared = default
    elif not _TYPE.fullmatch(declared):
        # RFC 2045 §5.2 reads an invalid type as plain text; a file behind it must still be offered
        # as a file.
        walk.note("bad-content-type")
        declared = "text/plain" if declared == "text" else "application/octet-stream"
    disposition, disposition_parameters = split_parameters(headers.first("Content-Disposition"))
    return Part(headers, declared, parameters, disposition, disposition_parameters)


def _with(
    part: Part, *, content_type: str = "", content: bytes = b"", children: tuple[Part, ...] = ()
) -> Part:
    return Part(
        part.headers,
        content_type or part.content_type,
        part.parameters,
        part.disposition,
        part.disposition_parameters,
        content,
        children,
    )


def _read_children(walk: Walk, part: Part, start: int, end: int, *, depth: int) -> tuple[Part, ...]:
    boundary = part.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
    if not boundary or len(boundary) > 250:  # noqa: PLR2004 - RFC 2046 §5.1.1 allows 70.
        return ()
    default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
    children: list[Part] = []
    for first, last in _ranges(walk, boundary, start, end):
        if depth + 1 >= MAX_DEPTH:
            walk.note("too-deep")
            return (_beyond(walk, start, end),)
        if walk.parts >= MAX_PARTS:
            walk.note("too-many-parts")
            children.append(_beyond(walk, first, end))
            break
        children.append(_read_part(walk, first, last, depth=depth + 1, default=default))
    return tuple(children)


def _beyond(walk: Walk, start: int, end: int) -> Part:
    """Return what lies past a limit as one file, bytes untouched."""
    part = _describe(walk, _BEYOND, "")
    return _with(part, content=walk.raw[start:end])


def _ranges(walk: Walk, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Return where each part between delimiter lines begins and ends; the line end before one
    belongs to it.
    """
    ranges: list[tuple[int, int]] = []
    opened = -1
    for line_start, line_end, is_close in _delimiters(walk.raw, b"--" + boundary, start, end):
        if opened >= 0:
            ranges.append((opened, max(opened, _before_line_end(walk.raw, line_start))))
        if is_close:
            return ranges
        opened = line_end
        if len(ranges) > MAX_PARTS:
            return ranges
    if opened >= 0:
        walk.note("missing-end-boundary")
        ranges.append((opened, end))
    return ranges


def _delimiters(raw: bytes, mark: bytes, start: int, end: int) -> list[tuple[int, int, bool]]:
    """Return each delimiter line: its beginning, the end of its line, and whether it closes."""
    found: list[tuple[int, int, bool]] = []
    position = start if raw.startswith(mark, start, end) else _next_line_with(raw, mark, start, end)
    while position >= 0 and len(found) <= MAX_PARTS + 1:
        line_end = raw.find(b"\n", position, end)
        line_end = end if line_end < 0 else line_end + 1
        tail = raw[position + len(mark) : min(line_end, position + len(mark) + 1_000)]
        rest = tail.rstrip(b" \t\r\n")
        if rest in {b"", b"--"}:
            found.append((position, line_end, rest == b"--"))
            if rest:
                break
        position = _next_line_with(raw, mark, position, end)
    return found


def _next_line_with(raw: bytes, mark: bytes, start: int, end: int) -> int:
    at = raw.find(b"\n" + mark, start, end)
    return at if at < 0 else at + 1


def _before_line_end(raw: bytes, position: int) -> int:
    """Return where the line end before this beginning of a line begins."""
    position -= 1
    return position - 1 if raw[position - 1 : position] == b"\r" else position


def _decode_content(walk: Walk, headers: HeaderBlock, start: int, end: int) -> bytes:
    encoding = headers.first("Content-Transfer-Encoding").partition(";")[0].strip().lower()
    if encoding == "base64":
        decoded, defect = decode_base64(walk.raw, start, end)
        walk.note(defect)
        return decoded
    content = walk.raw[start:end]
    if encoding in _IDENTITY:
        return content
    if encoding == "quoted-printable":
        return binascii.a2b_qp(content)
    if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return _decode_uu(walk, content)
    walk.note("unknown-transfer-encoding")
    return content


def _decode_uu(walk: Walk, content: bytes) -> bytes:
    decoded = bytearray()
    for line in content.splitlines():
        if line.startswith((b"begin ", b"end")) or not line.strip():
            continue
        # Some encoders pad the line beyond what its first byte announces.
        length = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            decoded += binascii.a2b_uu(line[: max(length, 1)])
        except binascii.Error:
            walk.note("bad-uuencode")
            return content
    return bytes(decoded)
