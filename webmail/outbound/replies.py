"""What a peer answers: a code, an enhanced code, its own words, and whether that ends a command.

Text in, values or a ``TransportError`` out; it knows no socket.
"""

from dataclasses import dataclass

# Unfolds into one line what a peer answered, however long, for the operator's eyes.
_LONGEST_ANSWER = 1000
_ENHANCED_PARTS = 3


@dataclass(frozen=True, slots=True)
class PeerReply:
    """A peer's answer: code (0 for nonsense), enhanced code (RFC 3463) when it gave one, and its
    own words.
    """

    code: int
    enhanced: str
    text: str

    @property
    def is_ok(self) -> bool:
        return 200 <= self.code < 300  # noqa: PLR2004

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code < 600  # noqa: PLR2004


class TransportError(Exception):
    """The conversation failed for every recipient. ``permanent`` is decided here, next to the
    protocol.

    ``after_dot``: the letter had left completely when it failed, so the peer may have it.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        reply: PeerReply | None = None,
        after_dot: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.reply = reply
        self.after_dot = after_dot


def parse_reply(code: int, text: bytes) -> PeerReply:
    if not 100 <= code <= 999:  # noqa: PLR2004  (RFC 5321 §4.2: three digits, or no code at all.)
        code = 0
    shown = (char if char.isprintable() else " " for char in text.decode("ascii", "replace"))
    line = " ".join("".join(shown).split())[:_LONGEST_ANSWER]
    first, _, rest = line.partition(" ")
    parts = first.split(".")
    if len(parts) == _ENHANCED_PARTS and all(part.isdigit() for part in parts):
        return PeerReply(code, first, rest)
    return PeerReply(code, "", line)


def checked(answer: PeerReply, *, after_dot: bool = False) -> PeerReply:
    """The answer, if it is one that ends a command. Raises ``TransportError`` otherwise."""
    if answer.code == 421:  # noqa: PLR2004  (RFC 5321 §3.8: the peer is closing, and took nothing.)
        raise TransportError("peer_closing", reply=answer)
    if answer.is_ok or 400 <= answer.code < 600:  # noqa: PLR2004
        return answer
    raise TransportError("protocol", reply=answer, after_dot=after_dot)


def refusal(answer: PeerReply) -> PeerReply:
    """An answer that stands where a go-ahead should: a 2xx accepts nothing, since nothing was
    sent yet.
    """
    if answer.is_ok:
        raise TransportError("protocol", reply=answer)
    return checked(answer)
