"""The HTML part of a letter, hostile until proved otherwise, to HTML that a sandboxed frame may
show.

The only file that knows bleach. Raw markup and the letter's own pictures come in; inert markup
comes out, or a refusal, and then the text part is shown. Not for the request path: a worker runs
this once per message and version of the rules.
"""

import base64
import html
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bleach.css_sanitizer import CSSSanitizer
from bleach.html5lib_shim import (
    TAG_TOKEN_TYPE_CHARACTERS as _CHARACTERS,
    TAG_TOKEN_TYPE_PARSEERROR as _PARSE_ERROR,
    BleachHTMLParser,
    BleachHTMLTokenizer,
)
from bleach.sanitizer import BleachSanitizerFilter, Cleaner

from webmail.mime.markup import DROPPED, KEPT, Pruning, Token, embed_pictures, is_allowed
from webmail.mime.styles import PROPERTIES, clean_style
from webmail.mime.text import clean_text
from webmail.mime.types import ParsedMessage

RULES_VERSION: Final = 1

MAX_CHARS: Final = 2_000_000
MAX_DEPTH: Final = 200
MAX_ATTRIBUTES: Final = 100
MAX_NAME_CHARS: Final = 1_000
MAX_SECONDS: Final = 8.0
MAX_PICTURE_CHARS: Final = 40_000_000
MAX_PASSES: Final = 5

_PICTURE_TYPES: Final = frozenset(["image/png", "image/jpeg", "image/gif", "image/webp"])
_LINK: Final = re.compile(r"https?://[^\s<>\"'\x00-\x20]{1,2000}", re.IGNORECASE)
_LINK_TAIL: Final = ".,;:!?)]}»"


@dataclass(frozen=True, slots=True)
class SanitisedHtml:
    """Inert HTML; or none, and ``refused`` says why in a slug: the text part must be shown then."""

    html: str
    blocked_images: int
    refused: str


class _Refused(Exception):  # noqa: N818 - a decision, not an error.
    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class _GuardedTokenizer(BleachHTMLTokenizer):
    """A tokenizer that gives up: html5lib is quadratic in attributes, open elements and text."""

    deadline: float

    def attributeNameState(self) -> bool:  # noqa: N802 - the name html5lib calls.
        # Each new name is compared with all before it.
        token: Any = self.currentToken
        if len(token["data"]) > MAX_ATTRIBUTES:
            raise _Refused("too-many-attributes")
        self._check_name(token["data"][-1][0])
        return bool(super().attributeNameState())

    def tagNameState(self) -> bool:  # noqa: N802 - the name html5lib calls.
        token: Any = self.currentToken
        self._check_name(token["name"])
        return bool(super().tagNameState())

    def attributeValueDoubleQuotedState(self) -> bool:  # noqa: N802 - the name html5lib calls.
        self._check_time()
        return bool(super().attributeValueDoubleQuotedState())

    def attributeValueSingleQuotedState(self) -> bool:  # noqa: N802 - the name html5lib calls.
        self._check_time()
        return bool(super().attributeValueSingleQuotedState())

    def attributeValueUnQuotedState(self) -> bool:  # noqa: N802 - the name html5lib calls.
        self._check_time()
        return bool(super().attributeValueUnQuotedState())

    @staticmethod
    def _check_name(name: str) -> None:
        # A name grows by copying, and no clock is read before it ends.
        if len(name) > MAX_NAME_CHARS:
            raise _Refused("too-long-name")

    def __iter__(self) -> Iterator[Any]:
        """Join neighbouring texts, and check before each token that the tree is not too deep."""
        pending: list[str] = []
        for token in super().__iter__():
            self._check_time()
            if token["type"] == _CHARACTERS:
                pending.append(str(token["data"]))
            elif token["type"] != _PARSE_ERROR:
                if pending:
                    yield {"type": _CHARACTERS, "data": "".join(pending)}
                    pending = []
                self._check_depth()
                yield token
        if pending:
            yield {"type": _CHARACTERS, "data": "".join(pending)}

    def _check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise _Refused("too-slow")

    def _check_depth(self) -> None:
        tree = self.parser.tree
        if max(len(tree.openElements), len(tree.activeFormattingElements)) > MAX_DEPTH:
            raise _Refused("too-deep")


class _GuardedParser(BleachHTMLParser):
    """bleach's parser with our tokenizer in the place of its own."""

    deadline: float

    def _parse(
        self,
        stream: Any,
        innerHTML: bool = False,  # noqa: N803 - the names html5lib calls with.
        container: str = "div",
        scripting: bool = True,
        **kwargs: Any,
    ) -> None:
        self.innerHTMLMode = innerHTML
        self.container = container
        self.scripting = scripting
        self.tokenizer = _GuardedTokenizer(
            stream=stream, consume_entities=self.consume_entities, parser=self, **kwargs
        )
        self.tokenizer.deadline = self.deadline
        self.reset()
        self.mainLoop()


class _Styles(CSSSanitizer):
    """Our rules, then bleach's list; equal values of one letter are judged once."""

    def __init__(self) -> None:
        super().__init__(allowed_css_properties=PROPERTIES, allowed_svg_properties=frozenset())
        self._judged: dict[str, str] = {}

    def sanitize_css(self, style: str) -> str:
        if style not in self._judged:
            self._judged[style] = super().sanitize_css(clean_style(style)).replace('"', "&quot;")
        return self._judged[style]


class _Sanitiser:
    """One letter: bleach's own parts, with the pruning between its tree and its filter."""

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.cleaner = Cleaner(
            tags=KEPT,
            attributes=is_allowed,
            protocols=frozenset(["http", "https", "mailto", "data", "cid"]),
            strip=True,
            css_sanitizer=_Styles(),
        )
        self.parser = _GuardedParser(
            tags=KEPT | DROPPED, strip=True, consume_entities=False, namespaceHTMLElements=False
        )
        self.parser.deadline = time.monotonic() + MAX_SECONDS

    def tokens(self, markup: str) -> tuple[list[Token], int]:
        """Return the tokens that may stay and the number of pictures that were elsewhere."""
        tree = self.parser.parseFragment(markup, scripting=True)
        pruning = Pruning(self.known)
        walker: Any = self.cleaner.walker
        filtered = BleachSanitizerFilter(
            source=pruning(walker(tree)),  # type: ignore[arg-type]  # Any stream of tokens will do.
            allowed_tags=KEPT,
            attributes=is_allowed,
            strip_disallowed_tags=True,
            css_sanitizer=self.cleaner.css_sanitizer,
            allowed_protocols=self.cleaner.protocols,
        )
        return list(self._timed(filtered)), pruning.blocked

    def render(self, tokens: list[Token]) -> str:
        stream: Any = self._timed(tokens)
        return str(self.cleaner.serializer.render(stream))

    def _timed(self, tokens: Iterable[Token]) -> Iterator[Token]:
        for token in tokens:
            if time.monotonic() > self.parser.deadline:
                raise _Refused("too-slow")
            yield token


def sanitize_html(
    html: str,
    inline_images: Mapping[str, tuple[str, bytes]] = {},
) -> SanitisedHtml:
    """Return inert HTML, stable when sanitised again. Never raises.

    ``inline_images`` are the letter's own pictures by content identifier, with their types; nothing
    from elsewhere is ever loaded. Refused are markup that is too large, too deep, too slow, with
    too many attributes in a tag, or that a parser does not read twice the same way: such markup is
    what mutation attacks are made of.
    """
    if len(html) > MAX_CHARS:
        return SanitisedHtml("", 0, "too-large")
    pictures = {
        identifier: _data_uri(kind, content)
        for identifier, (kind, content) in inline_images.items()
        if kind in _PICTURE_TYPES
    }
    sanitiser = _Sanitiser(frozenset(pictures))
    try:
        tokens, blocked = _settle(sanitiser, clean_text(html))
        embedded = embed_pictures(tokens, pictures, limit=MAX_PICTURE_CHARS)
        markup = sanitiser.render(embedded)
    except _Refused as refusal:
        return SanitisedHtml("", 0, refusal.slug)
    return SanitisedHtml(markup, blocked, "")


def sanitize_message(message: ParsedMessage) -> SanitisedHtml:
    """Return the HTML part of a parsed letter with its own pictures in place."""
    pictures = {
        item.content_id: (item.declared_type, item.content)
        for item in message.attachments
        if item.inline
    }
    return sanitize_html(message.html_raw, pictures)


def _settle(sanitiser: _Sanitiser, markup: str) -> tuple[list[Token], int]:
    """Sanitise until nothing changes any more, so that a browser reads the tree that was judged."""
    tokens, blocked = sanitiser.tokens(markup)
    for _pass in range(MAX_PASSES):
        previous, markup = markup, sanitiser.render(_copy(tokens))
        if markup == previous:
            return tokens, blocked
        tokens, _blocked = sanitiser.tokens(markup)
    raise _Refused("unstable")


def _copy(tokens: list[Token]) -> list[Token]:
    return [dict(token) for token in tokens]


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def text_as_html(text: str) -> str:
    """Return plain text as paragraphs, with links to web addresses. Nothing of the text is ever
    markup.
    """
    paragraphs = re.split(r"\n[ \t]*\n\s*", clean_text(text).strip("\n"))
    return "".join(f"<p>{_linked(piece)}</p>" for piece in paragraphs if piece.strip())


def _linked(text: str) -> str:
    pieces: list[str] = []
    position = 0
    for match in _LINK.finditer(text):
        address = match.group().rstrip(_LINK_TAIL)
        pieces.append(_escaped(text[position : match.start()]))
        pieces.append(
            f'<a href="{html.escape(address)}" rel="noopener noreferrer nofollow" target="_blank">'
            f"{html.escape(address)}</a>"
        )
        position = match.start() + len(address)
    pieces.append(_escaped(text[position:]))
    return "".join(pieces)


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
