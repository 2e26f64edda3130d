"""A letter of the demonstration as the bytes its author's software would have sent.

Letters of the two operators are written by ``webmail.mime.compose``, as ours are; HTML ones by the
standard library, as another maker's would be. It knows no table and no mailbox.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from mssante.demo.letters.letter import Letter, moment_of, prose
from mssante.demo.letters.pages import LOGO
from mssante.demo.letters.signatures import SIGNATURES
from mssante.demo.papers import Picture, file_of, png_of
from mssante.demo.people import address_book
from webmail.mime.addresses import domain_of
from webmail.mime.compose import compose_message
from webmail.mime.types import Address, OutgoingAttachment, OutgoingMessage

_MONTHS: Final = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_LOGO = Picture(seed=3, width=64, height=24)


@dataclass(frozen=True, slots=True)
class Written:
    """A letter with its moment, its place in a conversation and its bytes."""

    letter: Letter
    message: OutgoingMessage
    raw: bytes

    @property
    def author(self) -> Address:
        return self.message.from_


def write_letters(letters: tuple[Letter, ...], *, now: datetime) -> list[Written]:
    """All letters in the order they were sent; ``now`` in the zone their readers live in.

    An identifier depends on the letter alone, so that two operators, each telling its own side,
    name the same letter alike.
    """
    by_key = {letter.key: letter for letter in letters}
    written = [_write(letter, by_key, now=now) for letter in letters]
    return sorted(written, key=lambda one: one.message.date)


def identifier_of(letter: Letter) -> str:
    """Its Message-ID, in the domain of its author."""
    name = hashlib.sha256(letter.key.encode()).hexdigest()[:32]
    return f"{name}@{domain_of(address_book()[letter.author].address)}"


def day_in_words(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _write(letter: Letter, by_key: dict[str, Letter], *, now: datetime) -> Written:
    book = address_book()
    chain = _chain(letter, by_key)
    date = moment_of(letter.days_ago, letter.clock, now=now)
    references = tuple(identifier_of(one) for one in chain)
    files = ((paper.name, *file_of(paper, date=day_in_words(date))) for paper in letter.papers)
    message = OutgoingMessage(
        from_=book[letter.author],
        to=tuple(book[key] for key in letter.to),
        cc=tuple(book[key] for key in letter.cc),
        subject=letter.subject or f"Re: {chain[0].subject}",
        text=f"{prose(letter.text)}\n\n{SIGNATURES[letter.author]}",
        date=date,
        message_id=identifier_of(letter),
        in_reply_to=references[-1] if references else "",
        references=references,
        attachments=tuple(OutgoingAttachment(*file) for file in files),
    )
    raw = _page(message, letter.html) if letter.html else compose_message(message)
    return Written(letter, message, raw)


def _chain(letter: Letter, by_key: dict[str, Letter]) -> list[Letter]:
    """What came before in the conversation, the first letter first (RFC 5322 §3.6.4)."""
    earlier: list[Letter] = []
    while letter.answers:
        letter = by_key[letter.answers]
        earlier.insert(0, letter)
    return earlier


def _page(message: OutgoingMessage, html: str) -> bytes:
    """Files beside an alternative of plain text and of HTML, which has a picture of its own."""
    mail = EmailMessage(policy=SMTP)
    mail["Date"] = format_datetime(message.date)
    mail["From"] = _shown(message.from_)
    mail["To"] = ", ".join(_shown(person) for person in message.to)
    if message.cc:
        mail["Cc"] = ", ".join(_shown(person) for person in message.cc)
    mail["Subject"] = message.subject
    mail["Message-ID"] = f"<{message.message_id}>"
    mail.set_content(message.text)
    mail.add_alternative(f"<html><body>{html}</body></html>", subtype="html")
    body = mail.get_body(("html",))
    if isinstance(body, EmailMessage):
        body.add_related(png_of(_LOGO), "image", "png", cid=f"<{LOGO}>")
    for file in message.attachments:
        kind, _, subtype = file.content_type.partition("/")
        mail.add_attachment(file.content, maintype=kind, subtype=subtype, filename=file.name)
    return mail.as_bytes()


def _shown(person: Address) -> str:
    return f"{person.name} <{person.address}>"
