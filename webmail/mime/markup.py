"""What of a stranger's HTML may stay: elements, attributes, links, pictures. Tokens of a parsed
tree in, fewer tokens out.

This is the first of two walls: it drops dangerous elements with all they hold and rewrites links
and pictures; the sanitiser proper then judges again what is left, by the same lists. Knows no
parser.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

Token = dict[str, Any]

MAX_VALUE_CHARS: Final = 10_000

# Dropped with everything inside. They are known to the parser, so that their content is read by
# their own rules.
DROPPED: Final = (
    frozenset(
        ["applet", "audio", "button", "canvas", "datalist", "embed", "iframe", "input", "math"]
    )
    | {"noscript", "object", "optgroup", "option", "script", "select", "style", "svg"}
    | {"template", "textarea", "title", "video"}
)
KEPT: Final = (
    frozenset(
        ["a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br"]
    )
    | {"caption", "center", "cite", "code", "col", "colgroup", "dd", "del", "dfn", "div", "dl"}
    | {"dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark", "nav", "ol", "p", "pre"}
    | {"q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "sup", "table"}
    | {"tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr"}
)
_EVERYWHERE: Final = frozenset(["align", "dir", "lang", "style", "title"])
_CELL: Final = frozenset(
    ["bgcolor", "colspan", "height", "nowrap", "rowspan", "scope", "valign", "width"]
)
_ATTRIBUTES: Final = {
    "a": frozenset(["href", "rel", "target"]),
    "col": frozenset(["span", "width"]),
    "colgroup": frozenset(["span", "width"]),
    "font": frozenset(["color", "face", "size"]),
    "hr": frozenset(["color", "noshade", "size", "width"]),
    "img": frozenset(["alt", "border", "height", "src", "width"]),
    "li": frozenset(["type", "value"]),
    "ol": frozenset(["start", "type"]),
    "table": frozenset(["bgcolor", "border", "cellpadding", "cellspacing", "height", "width"]),
    "tbody": frozenset(["valign"]),
    "td": _CELL,
    "th": _CELL,
    "tr": frozenset(["bgcolor", "height", "valign"]),
    "ul": frozenset(["type"]),
}
_REL: Final = "noopener noreferrer nofollow"
# The scheme is matched as it is written: a scheme spelt with character references is not one an
# honest sender writes.
_LINK: Final = re.compile(r"(?i)(?:https?://|mailto:)[^\s\x00-\x20\"<>\\]+")
_PICTURE: Final = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]*={0,2}")
_REFERENCE: Final = re.compile(r"cid:[^\s\"'<>&]{1,998}")


def is_allowed(tag: str, name: str, value: str) -> bool:
    """Whether this attribute may stay with this value. The sanitiser proper asks this of what is
    left.
    """
    if name not in _EVERYWHERE and name not in _ATTRIBUTES.get(tag, frozenset()):
        return False
    if name == "href":
        return _LINK.fullmatch(value) is not None
    if name == "src":
        return _PICTURE.fullmatch(value) is not None or _REFERENCE.fullmatch(value) is not None
    return True


@dataclass(slots=True)
class Pruning:
    """One pass over one tree. ``known`` are the pictures that came with the letter, by content
    identifier.
    """

    known: frozenset[str]
    blocked: int = 0
    _skipped: int = field(default=0)

    def __call__(self, tokens: Iterable[Token]) -> Iterator[Token]:
        after_pre = False
        for token in tokens:
            if self._is_inside_dropped(token):
                continue
            kind = token["type"]
            if after_pre and kind in {"Characters", "SpaceCharacters"}:
                # A parser eats one line end here each time; with none left, reading again changes
                # nothing.
                token["data"] = token["data"].lstrip("\n")
                after_pre = not token["data"]
            elif kind in {"StartTag", "EmptyTag"}:
                after_pre = token["name"] == "pre"
                if not self._rewrite(token):
                    continue
            elif kind != "Comment":
                after_pre = False
            yield token

    def _is_inside_dropped(self, token: Token) -> bool:
        kind = token["type"]
        if kind == "StartTag" and (self._skipped or token["name"] in DROPPED):
            self._skipped += 1
            return True
        if kind == "EndTag" and self._skipped:
            self._skipped -= 1
            return True
        return bool(self._skipped) or (kind == "EmptyTag" and token["name"] in DROPPED)

    def _rewrite(self, token: Token) -> bool:
        """Put the attributes in their final form; say whether the element is worth keeping."""
        attributes = {
            name: value.replace('"', "&quot;")
            for (space, name), value in token["data"].items()
            if space is None and (len(value) <= MAX_VALUE_CHARS or name == "src")
        }
        if token["name"] == "a":
            _rewrite_link(attributes)
        keep = token["name"] != "img" or self._rewrite_picture(attributes)
        token["data"] = {(None, name): value for name, value in attributes.items()}
        return keep

    def _rewrite_picture(self, attributes: dict[str, str]) -> bool:
        if "src" not in attributes:
            return bool(attributes.get("alt", "").strip())
        source = "".join(attributes["src"].split())
        if source[:4].lower() == "cid:":
            wanted = source[4:]
            wanted = wanted if wanted in self.known else unquote(html.unescape(wanted))
            if wanted in self.known and _REFERENCE.fullmatch(f"cid:{wanted}"):
                attributes["src"] = f"cid:{wanted}"
                return True
        elif _PICTURE.fullmatch(source):
            attributes["src"] = source
            return True
        else:
            self.blocked += 1
        del attributes["src"]
        return bool(attributes.get("alt", "").strip())


def _rewrite_link(attributes: dict[str, str]) -> None:
    """Open elsewhere and tell nothing to where it leads; a link to any other scheme becomes plain
    text.
    """
    for name in ("rel", "target"):
        attributes.pop(name, None)
    address = attributes.pop("href", "").strip()
    if _LINK.fullmatch(address):
        attributes.update(href=address, rel=_REL, target="_blank")


def embed_pictures(tokens: Iterable[Token], pictures: dict[str, str], *, limit: int) -> list[Token]:
    """Put pictures in the place of their references, up to ``limit`` characters in all.

    One picture shown a thousand times must not make a page of a thousand times its size.
    """
    room = limit
    embedded: list[Token] = []
    for token in tokens:
        copy = dict(token)
        if token["type"] == "EmptyTag" and token["name"] == "img":
            copy["data"] = dict(token["data"])
            source = copy["data"].get((None, "src"), "")
            if source.startswith("cid:"):
                picture = pictures[source[4:]]
                room -= len(picture)
                if room >= 0:
                    copy["data"][(None, "src")] = picture
                else:
                    del copy["data"][(None, "src")]
        embedded.append(copy)
    return embedded
