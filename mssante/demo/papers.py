"""The papers that are joined to the demonstration's letters: PDF, a grey picture, a table.

Values come in, the same bytes come out for the same values. Just enough of PDF 1.4 (ISO 32000-1) to
be read everywhere: two built-in fonts, lines, and a drawn electrocardiogram. Knows no letter.
"""

import math
import struct
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Rhythm = Literal["none", "sinus", "fibrillation"]

_WIDTH: Final = 595  # A4, in points.
_HEIGHT: Final = 842
_MARGIN: Final = 56
_LEADING: Final = 15
_LINE_CHARS: Final = 104  # Of Helvetica at 10 points between the margins.
_FOOTER: Final = "Document de démonstration : patient, soignants et résultats sont inventés."
_MILLIMETRE: Final = 72 / 25.4
# Beats in seconds: regular for a sinus rhythm, without any order in atrial fibrillation.
_BEATS: Final[dict[str, tuple[float, ...]]] = {
    "sinus": (0.84,),
    "fibrillation": (0.52, 0.71, 0.45, 0.63, 0.88, 0.49, 0.58),
}
# Second after the peak, width, millivolt of Q, R, S and T; then of P.
_WAVES: Final = (
    (-0.03, 0.012, -0.12),
    (0.0, 0.011, 1.1),
    (0.035, 0.012, -0.25),
    (0.27, 0.05, 0.26),
)
_P_WAVE: Final = (-0.17, 0.028, 0.14)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One document on paper; «{date}» in its texts becomes the day it was written."""

    issuer: tuple[str, ...]
    title: str
    about: str
    body: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()  # The first row holds the headings.
    signature: str = ""
    rhythm: Rhythm = "none"


@dataclass(frozen=True, slots=True)
class Picture:
    """A view of an ultrasound probe: a grey fan whose grain depends on ``seed``."""

    seed: int
    width: int = 240
    height: int = 180


@dataclass(frozen=True, slots=True)
class Paper:
    """A file of a letter: a sheet becomes a PDF, a picture a PNG, words a table in CSV."""

    name: str
    content: Sheet | Picture | str


def file_of(paper: Paper, *, date: str) -> tuple[str, bytes]:
    """The media type and the bytes of a paper written on ``date``, a day in words."""
    content = paper.content
    if isinstance(content, Sheet):
        return "application/pdf", pdf_of(content, date=date)
    if isinstance(content, Picture):
        return "image/png", png_of(content)
    # The mark at the head lets spreadsheets read the accents.
    return "text/csv", content.replace("\n", "\r\n").encode("utf-8-sig")


def pdf_of(sheet: Sheet, *, date: str) -> bytes:
    pen = _Pen()
    for number, line in enumerate(sheet.issuer):
        pen.write(line, bold=number == 0)
    pen.down(20)
    pen.write(sheet.title.replace("{date}", date), size=15, bold=True)
    pen.down(6)
    pen.write(sheet.about, bold=True)
    pen.write(f"Le {date}")
    pen.rule()
    for paragraph in sheet.body:
        for line in textwrap.wrap(paragraph.replace("{date}", date), _LINE_CHARS):
            pen.write(line)
        pen.down(7)
    _draw_table(pen, sheet.table)
    if sheet.rhythm != "none":
        _draw_leads(pen, sheet.rhythm)
    pen.down(16)
    pen.write(sheet.signature)
    return _assemble(pen.finished(), title=sheet.title.replace("{date}", date))


@dataclass(slots=True)
class _Pen:
    """Writes down a page, and on to the next one."""

    pages: list[list[str]] = field(default_factory=lambda: [[]])
    y: float = _HEIGHT - _MARGIN

    def write(
        self,
        text: str,
        *,
        x: float = _MARGIN,
        size: int = 10,
        bold: bool = False,
        stay: bool = False,
    ) -> None:
        if not stay:
            self.down(max(_LEADING, size + 4))
        font = "F2" if bold else "F1"
        self.draw(f"BT /{font} {size} Tf {x:.1f} {self.y:.1f} Td ({_escaped(text)}) Tj ET")

    def rule(self) -> None:
        self.down(10)
        self.draw(f"0.6 G 0.7 w {_MARGIN} {self.y:.1f} m {_WIDTH - _MARGIN} {self.y:.1f} l S 0 G")
        self.down(6)

    def down(self, points: float) -> None:
        self.y -= points
        if self.y < _MARGIN + 2 * _LEADING:
            self.pages.append([])
            self.y = _HEIGHT - _MARGIN - _LEADING

    def draw(self, operator: str) -> None:
        self.pages[-1].append(operator)

    def finished(self) -> list[str]:
        foot = f"0.4 g BT /F1 8 Tf {_MARGIN} 34 Td ({_escaped(_FOOTER)}) Tj ET 0 g"
        return ["\n".join([*page, foot]) for page in self.pages]


def _draw_table(pen: _Pen, rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    step = (_WIDTH - 2 * _MARGIN) / len(rows[0])
    for number, row in enumerate(rows):
        pen.down(_LEADING)
        for column, cell in enumerate(row):
            pen.write(cell, x=_MARGIN + column * step, bold=number == 0, stay=True)
        if number == 0:
            pen.rule()


def _draw_leads(pen: _Pen, rhythm: Rhythm) -> None:
    """Four leads on paper of 25 mm/s and 10 mm/mV, as every cardiograph prints them."""
    for lead, gain in (("D1", 0.7), ("D2", 1.0), ("V2", -0.9), ("V5", 1.2)):
        pen.down(92)
        left, base = float(_MARGIN), pen.y
        right = _WIDTH - _MARGIN
        pen.draw("1 0.8 0.8 RG 0.3 w")
        for column in range(int((right - left) / (5 * _MILLIMETRE)) + 1):
            x = left + column * 5 * _MILLIMETRE
            pen.draw(f"{x:.1f} {base - 28:.1f} m {x:.1f} {base + 57:.1f} l S")
        for row in range(-2, 5):
            y = base + row * 5 * _MILLIMETRE
            pen.draw(f"{left:.1f} {y:.1f} m {right:.1f} {y:.1f} l S")
        points = _trace(rhythm, gain, seconds=(right - left) / (25 * _MILLIMETRE))
        path = " ".join(
            f"{left + 25 * _MILLIMETRE * t:.2f} {base + 10 * _MILLIMETRE * mv:.2f} "
            f"{'l' if number else 'm'}"
            for number, (t, mv) in enumerate(points)
        )
        pen.draw(f"0 G 0.8 w {path} S")
        pen.draw(f"BT /F2 8 Tf {left + 3:.1f} {base + 46:.1f} Td ({lead}) Tj ET")
    pen.down(36)
    pen.write("25 mm/s, 10 mm/mV, filtre 40 Hz", size=8)


def _trace(rhythm: Rhythm, gain: float, *, seconds: float) -> Iterator[tuple[float, float]]:
    """Points (second, millivolt): each wave is a bell; in fibrillation ripples stand for the P."""
    gaps = _BEATS[rhythm]
    peaks: list[float] = [0.35]
    while peaks[-1] < seconds:
        peaks.append(peaks[-1] + gaps[len(peaks) % len(gaps)])
    waves = _WAVES if rhythm == "fibrillation" else (*_WAVES, _P_WAVE)
    for sample in range(int(seconds * 250)):
        t = sample / 250
        level = sum(
            height * math.exp(-(((t - peak - shift) / width) ** 2) / 2)
            for peak in peaks
            if abs(t - peak) < 0.6  # noqa: PLR2004  (Farther away a beat adds nothing.)
            for shift, width, height in waves
        )
        if rhythm == "fibrillation":
            level += 0.05 * math.sin(t * 38) + 0.03 * math.sin(t * 53 + 1)
        yield t, level * gain


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _assemble(pages: Sequence[str], *, title: str) -> bytes:
    """Number the objects, and write where each begins (ISO 32000-1 §7.5)."""
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode("ascii"),
        _font("Helvetica"),
        _font("Helvetica-Bold"),
    ]
    for number, page in enumerate(pages):
        resources = "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >>"
        box = f"/Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}]"
        leaf = f"<< /Type /Page {box} {resources} /Contents {6 + 2 * number} 0 R >>"
        objects.append(leaf.encode("ascii"))
        packed = zlib.compress(page.encode("cp1252", "replace"))
        head = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode("ascii")
        objects.append(head + packed + b"\nendstream")
    name = (b"\xfe\xff" + title.encode("utf-16-be")).hex()
    objects.append(f"<< /Title <{name}> >>".encode("ascii"))
    content = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, one in enumerate(objects, start=1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n".encode("ascii") + one + b"\nendobj\n"
    start = len(content)
    content += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode("ascii")
    content += b"".join(f"{offset:010d} 00000 n \n".encode("ascii") for offset in offsets)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\n"
    return bytes(content) + f"{trailer}startxref\n{start}\n%%EOF\n".encode("ascii")


def _font(name: str) -> bytes:
    return (
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
    ).encode("ascii")


def png_of(picture: Picture) -> bytes:
    """Eight bits of grey a pixel, no filter (PNG, ISO/IEC 15948)."""
    rows = bytearray()
    for y in range(picture.height):
        rows.append(0)
        rows += bytes(_grey(picture, x, y) for x in range(picture.width))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 6))
        + _chunk(b"IEND", b"")
    )


def _grey(picture: Picture, x: int, y: int) -> int:
    across, depth = x - picture.width / 2, y + 6
    distance, angle = math.hypot(across, depth), abs(math.atan2(across, depth))
    if angle > 0.72 or distance > picture.height:  # noqa: PLR2004  (Outside the fan of the probe.)
        return 0
    grain = ((x * 7919 + y * 104729 + picture.seed * 15485863) ^ (x * y)) % 61
    chamber = math.hypot(across + 26, (depth - 95) * 0.6) < 26 or (  # noqa: PLR2004
        math.hypot(across - 28, (depth - 95) * 0.6) < 20  # noqa: PLR2004
    )
    return grain // 3 if chamber else 70 + grain + int(30 * math.cos(distance / 9))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
