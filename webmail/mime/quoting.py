"""Letters as plain text: what an HTML part says, what a reply quotes, the first words a list shows.

Text in, text out, for reading only: nothing here is safe as HTML, and nothing here needs to be.
"""

import html
import re
from typing import Final

MAX_HTML_CHARS: Final = 2_000_000

# One token: a comment, a declaration, a tag (quoted attribute values may hold ">"), each bounded so
# that an unclosed one costs no second pass over the rest.
_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,40}+)([^<>]{0,20000}+)>")
_BLOCKS: Final = (
    frozenset(["address", "article", "aside", "blockquote", "center", "dd", "div", "dl", "dt"])
    | {"figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"header", "hr", "li", "main", "nav", "ol", "p", "pre", "section"}
    | {"table", "tr", "ul"}
)
_HIDDEN: Final = frozenset(
    ["head", "script", "style", "title", "template", "svg", "math", "noscript"]
)
_SPACES: Final = re.compile(r"[ \t\n\r\f\u00a0\u200b]+")


def html_to_text(markup: str) -> str:
    """Return the words of an HTML part with its lines and paragraphs; whatever the markup, in
    linear time.
    """
    markup = _without_comments(markup[:MAX_HTML_CHARS])
    lines: list[str] = [""]
    position, hidden = 0, ""
    for match in _TAG.finditer(markup):
        name, is_end = match.group(2).lower(), bool(match.group(1))
        if not hidden:
            _write(lines, markup[position : match.start()])
        position = match.end()
        if hidden:
            hidden = "" if (is_end and name == hidden) or name == "body" else hidden
        elif name in _HIDDEN and not is_end:
            hidden = name
        elif name == "br" or name in _BLOCKS:
            _break(lines, name)
        elif name in {"td", "th"}:
            lines[-1] += " "
    if not hidden:
        _write(lines, markup[position:])
    return _join(lines)


def _without_comments(markup: str) -> str:
    pieces: list[str] = []
    position = 0
    while (start := markup.find("<!--", position)) >= 0:
        pieces.append(markup[position:start])
        end = markup.find("-->", start + 2)
        if end < 0:
            return "".join(pieces)
        position = end + 3
    pieces.append(markup[position:])
    return "".join(pieces)


def _write(lines: list[str], text: str) -> None:
    lines[-1] += _SPACES.sub(" ", html.unescape(text))


def _break(lines: list[str], name: str) -> None:
    if name == "br" or lines[-1].strip():
        lines.append("")
    if name in {"p", "blockquote", "table", "ul", "ol"} and lines[-2:] != ["", ""]:
        lines.append("")


def _join(lines: list[str]) -> str:
    stripped = [re.sub(" {2,}", " ", line).strip() for line in lines]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(stripped)).strip()


def quote_reply(text: str, *, intro: str) -> str:
    """Return the text of a letter as its answer quotes it, under one line that says who wrote it
    and when.
    """
    lines = text.strip().splitlines()
    quoted = "\n".join(
        f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in lines
    )
    return f"{intro}\n{quoted}\n" if quoted else f"{intro}\n"


def snippet(text: str, length: int = 140) -> str:
    """Return the first own words of a letter on one line; lines quoted from an earlier one are
    passed over.
    """
    own = [line for line in text[:20_000].splitlines() if not line.lstrip().startswith(">")]
    words = _SPACES.sub(" ", " ".join(own)).strip()
    if len(words) <= length:
        return words
    cut = words[: length - 1]
    head, space, _tail = cut.rpartition(" ")
    return f"{head if space and len(head) > length // 2 else cut}…"
