"""Bytes and the name of a charset, as a stranger declared it, to text: always some text, never an
error.

Only charsets of this list are ever decoded; UTF-7 is not, since it turns innocent ASCII into markup
after a filter has passed.
"""

import codecs
import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9._:-]{1,40}")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# What is declared Latin-1 or ASCII is Windows-1252 in practice: the same printable characters and,
# where Latin-1 has controls, œ, € and the quotation marks of French letters (WHATWG Encoding §4.2
# decides alike).
_READ_AS: Final = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
}
_ALLOWED: Final = frozenset(
    [f"iso8859-{number}" for number in range(1, 17)]
    + [f"cp125{number}" for number in range(9)]
    + ["ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u"]
    + ["cp437", "cp850", "cp858", "cp874", "cp932", "cp949", "mac-roman", "tis-620"]
    + ["big5", "big5hkscs", "gb2312", "gbk", "gb18030", "euc_kr", "euc_jp", "shift_jis"]
    + ["iso2022_jp", "iso2022_kr"]
)


def find_codec(charset: str) -> str:
    """Return the codec that reads this charset; empty when it is unknown or refused."""
    name = charset.strip().strip("\"'").lower()
    if not _NAME.fullmatch(name):
        return ""
    if name in {"ks_c_5601-1987", "ks_c_5601"}:
        name = "cp949"
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return ""
    if codec not in _ALLOWED:
        return ""
    return _READ_AS.get(codec, codec)


def decode(content: bytes, charset: str = "") -> tuple[str, str]:
    """Return the text and the slug of a defect, empty when the bytes are what they were declared to
    be.
    """
    codec = find_codec(charset) if charset else ""
    if codec in {"", "cp1252"}:
        return _decode_western(content, charset, codec)
    try:
        return content.decode(codec).removeprefix("\ufeff"), ""
    except UnicodeDecodeError:
        text = content.decode(codec, "replace").removeprefix("\ufeff")
    # A body that says UTF-8 and holds not one valid accent was written in Windows-1252 by software
    # that lied.
    if codec.startswith("utf-8") and not any(c > "\x7f" and c != _REPLACEMENT for c in text):
        return decode_windows(content), "undecodable-bytes"
    return text, "undecodable-bytes"


def decode_undeclared(content: bytes) -> str:
    """Decode bytes that say nothing of themselves: UTF-8 when they are, Windows-1252 otherwise."""
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return decode_windows(content)


def decode_windows(content: bytes) -> str:
    return content.decode("cp1252", "replace")


def _decode_western(content: bytes, charset: str, codec: str) -> tuple[str, str]:
    is_ascii = content.isascii()
    if codec and (is_ascii or "ascii" not in charset.lower()):
        return decode_windows(content), ""
    if charset and not codec:
        return decode_undeclared(content), "unknown-charset"
    return decode_undeclared(content), "" if is_ascii else "undeclared-charset"
