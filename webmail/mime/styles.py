"""The value of a ``style`` attribute, as a stranger wrote it, to the declarations a letter may
keep.

Allowed are colours, fonts, boxes and tables; nothing that loads (``url``, ``image-set``), moves out
of its place (positions, negative margins), computes (``var``, ``expression``) or insists
(``!important``). Knows no HTML.
"""

import html
from collections.abc import Iterable
from typing import Any, Final

import tinycss2  # type: ignore[import-untyped]

MAX_STYLE_CHARS: Final = 10_000

_SIDES: Final = ("top", "right", "bottom", "left")
PROPERTIES: Final = frozenset(
    [
        "background",
        "background-color",
        "border",
        "border-collapse",
        "border-color",
        "border-radius",
        "border-spacing",
        "border-style",
        "border-width",
        "caption-side",
        "clear",
        "color",
        "display",
        "empty-cells",
        "float",
        "font",
        "font-family",
        "font-size",
        "font-style",
        "font-variant",
        "font-weight",
        "height",
        "letter-spacing",
        "line-height",
        "list-style-type",
        "margin",
        "max-height",
        "max-width",
        "min-height",
        "min-width",
        "overflow-wrap",
        "padding",
        "table-layout",
        "text-align",
        "text-decoration",
        "text-indent",
        "text-transform",
        "vertical-align",
        "white-space",
        "width",
        "word-break",
        "word-spacing",
        "word-wrap",
        *(f"{name}-{side}" for name in ("border", "margin", "padding") for side in _SIDES),
        *(f"border-{side}-{what}" for side in _SIDES for what in ("color", "style", "width")),
    ]
)
_FUNCTIONS: Final = frozenset(["rgb", "rgba", "hsl", "hsla"])
_NUMBERS: Final = frozenset(["number", "dimension", "percentage"])
_WORDS: Final = frozenset(["ident", "hash", "string"])
_SPECIAL: Final = frozenset("<>&\"'\\;{}()@\N{REPLACEMENT CHARACTER}")


def clean_style(value: str) -> str:
    """Return the declarations that may stay, in one normal form: cleaning twice changes nothing
    more.

    Character references are resolved first, since the value is read as it stands in the source.
    Escapes and comments are resolved by the parser, so that what is judged is what a browser would
    see.
    """
    if len(value) > MAX_STYLE_CHARS:
        return ""
    kept: dict[str, str] = {}
    for node in tinycss2.parse_declaration_list(
        html.unescape(value), skip_comments=True, skip_whitespace=True
    ):
        if node.type == "declaration" and node.lower_name in PROPERTIES and _is_plain(node.value):
            text = " ".join(tinycss2.serialize(_without_comments(node.value)).split())
            kept.pop(node.lower_name, None)
            if text:
                kept[node.lower_name] = text
    return "; ".join(f"{name}: {text}" for name, text in kept.items())


def _without_comments(nodes: Iterable[Any]) -> list[Any]:
    return [node for node in nodes if node.type != "comment"]


def _is_plain(nodes: Iterable[Any], *, is_nested: bool = False) -> bool:
    return all(_is_plain_node(node, is_nested=is_nested) for node in nodes)


def _is_plain_node(node: Any, *, is_nested: bool) -> bool:
    kind = node.type
    if kind == "dimension" and (" " in node.unit or not _is_word(node.unit)):
        return False
    if kind in _NUMBERS:
        # A negative margin or indent draws over what is not the letter's, or hides words from the
        # reader.
        return bool(0 <= node.value < 100_000)  # noqa: PLR2004 - no box of a letter is larger.
    if kind in {"whitespace", "comment"}:
        return True
    if kind in _WORDS:
        # Outside quotes a space is an escaped one, and goes when the spaces around it go.
        return _is_word(node.value) and (kind == "string" or " " not in node.value)
    if kind == "literal":
        return node.value in {",", "/"}
    return (
        kind == "function"
        and not is_nested
        and node.lower_name in _FUNCTIONS
        and _is_plain(node.arguments, is_nested=True)
    )


def _is_word(value: str) -> bool:
    """Whether this needs no escape in CSS and none in an attribute, so that it reads the same
    everywhere.
    """
    return not set(value) & _SPECIAL and value.isprintable()
