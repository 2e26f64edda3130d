"""Letters to send while something is measured: their bytes, of exactly the size asked for, each
with a Message-ID of its own. Knows bytes only.
"""

import base64
import secrets
from dataclasses import dataclass

_MARK = b"@@MESSAGE-ID@@"
_LINE = 57  # Bytes in a line of base64 (RFC 2045 §6.8).
_TEXT = (
    "Cher confrère,\r\n\r\nVoici le compte rendu de la consultation de ce matin. "
    "Le patient va bien ;\r\nle traitement est poursuivi sans changement.\r\n\r\n"
    "Bien confraternellement.\r\n"
)


@dataclass(frozen=True, slots=True)
class Template:
    """A letter in wire form, cut where its Message-ID belongs."""

    head: bytes
    tail: bytes
    domain: str

    def identifier(self, tag: str, number: int) -> str:
        return f"{tag}-{number:06d}@{self.domain}"

    def letter(self, tag: str, number: int) -> bytes:
        return self.head + self.identifier(tag, number).encode("ascii") + self.tail


def make_tag() -> str:
    """What the Message-IDs of one run have in common: eight characters."""
    return secrets.token_hex(4)


def make_template(size: int, *, sender: str, recipient: str) -> Template:
    """A text and a PDF file, ``size`` bytes on the wire; no line of it begins with a dot."""
    domain = sender.rpartition("@")[2]
    identifier = len(make_tag()) + len("-000000@") + len(domain)
    before = _head(sender, recipient)
    after = "\r\n--cut--\r\n"
    room = size - len(before) - identifier + len(_MARK) - len(after)
    if room < 0:
        raise ValueError("A letter is larger than that without any content.")
    content = _file_of(room)
    head, tail = (before + content + after.encode("ascii")).split(_MARK)
    return Template(head, tail, domain)


def _head(sender: str, recipient: str) -> bytes:
    mark = _MARK.decode("ascii")
    text = (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: Compte rendu\r\n"
        f"Date: Wed, 25 Nov 2026 09:30:00 +0100\r\nMessage-ID: <{mark}>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="cut"\r\n\r\n--cut\r\n'
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"{_TEXT}\r\n--cut\r\n"
        'Content-Type: application/pdf; name="compte-rendu.pdf"\r\n'
        'Content-Disposition: attachment; filename="compte-rendu.pdf"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return text.encode()


def _file_of(room: int) -> bytes:
    """Exactly ``room`` bytes: lines of base64, then a blank tail that decoders pass over."""
    lines, rest = divmod(room, 78)
    content = b"".join(base64.b64encode(secrets.token_bytes(_LINE)) + b"\r\n" for _ in range(lines))
    return content + b" " * rest
