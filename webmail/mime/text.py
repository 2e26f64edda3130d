"""One line, several lines, a file name: what any text of a letter goes through before someone reads
it or a header carries it.

Text comes in decoded, text comes out without controls. Knows no encoding and no header.
"""

import re
import unicodedata
from typing import Final

MAX_LINE_CHARS: Final = 4_000
MAX_NAME_CHARS: Final = 200
MAX_NAME_BYTES: Final = 240

# Line and paragraph separators, marks and overrides that reorder what is read (a file "fdp.exe"
# shown as "exe.pdf"), the byte order mark, and halves of surrogate pairs, which no encoder accepts.
_UNSEEN: Final = re.compile(
    "[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f]+")
_BODY_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")


def clean_line(text: str, *, limit: int = MAX_LINE_CHARS) -> str:
    """Return one composed (NFC) line without controls, trimmed and at most ``limit`` characters
    long.
    """
    # Cut first: composing is not linear in a run of combining marks.
    line = _UNSEEN.sub("", _CONTROLS.sub(" ", text[: limit * 2]))
    return unicodedata.normalize("NFC", line)[:limit].strip()


def clean_text(text: str) -> str:
    """Return text with LF line ends and no control but the tabulation."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _BODY_CONTROLS.sub("", lines)


def clean_file_name(name: str) -> str:
    """Return a name that is safe to show, to put in a header and to save under; empty when nothing
    is left.

    A path gives its last step; a slash inside a plain name (a date, mostly) becomes a dash.
    Cleaning twice changes nothing more.
    """
    line = clean_line(name, limit=1_000)
    pieces = [piece.strip() for piece in line.replace("\\", "/").split("/")]
    steps = [piece for piece in pieces if piece not in {"", ".", ".."}]
    if not steps:
        return ""
    is_path = len(steps) < len(pieces) or _DRIVE.fullmatch(steps[0]) is not None
    joined = steps[-1] if is_path else "-".join(steps)
    joined = re.sub(r'[<>:"|?*]', "_", joined)
    shortened = _shorten(joined.strip(" ."))
    return f"_{shortened}" if _RESERVED.match(shortened) else shortened


def _shorten(name: str) -> str:
    """Cut the stem, never the extension: the extension tells the reader what opens."""
    if len(name) <= MAX_NAME_CHARS and len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 16:  # noqa: PLR2004 - no usual extension is longer.
        stem, dot, extension = name, "", ""
    room = MAX_NAME_BYTES - len(extension.encode()) - len(dot)
    stem = stem[: MAX_NAME_CHARS - len(extension) - len(dot)]
    return stem.encode()[:room].decode(errors="ignore").strip(" .") + dot + extension
