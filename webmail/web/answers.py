"""The first words of an answer: to whom, about what, quoting what. A message in, a draft's text
out; nothing is kept yet.
"""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts.models import User
from webmail.mailbox.access import access_message
from webmail.mailbox.kinds import Mailbox, Message, MessageState, RecipientKind
from webmail.mailbox.reading import author_of, person_of, read_message, subject_of
from webmail.mime.addresses import normalise_address
from webmail.mime.quoting import html_to_text, quote_reply
from webmail.mime.types import Address
from webmail.outbound.drafts import DraftText
from webmail.web.times import long_time

_PREFIX = "Re: "


def answer_text(user: User, message_id: int, *, to_all: bool) -> tuple[Mailbox, DraftText]:
    """An answer to the message from the box it lies in: to its author, or with ``to_all`` to
    everyone it named.
    """
    message = access_message(user, message_id)
    reading = read_message(message)
    author = author_of(message)
    to, cc = _people(message, author, reading.reply_to, to_all=to_all)
    subject = subject_of(message)
    quoted = reading.text or html_to_text(reading.html)
    intro = _("%(when)s, %(name)s wrote:") % {
        "when": long_time(message.at).capitalize(),
        "name": author.name or author.address,
    }
    return message.mailbox, DraftText(
        to=", ".join(map(_written, to)),
        cc=", ".join(map(_written, cc)),
        subject=subject
        if subject.lower().startswith(_PREFIX.strip().lower())
        else _PREFIX + subject,
        body=f"\n\n{quote_reply(quoted, intro=intro)}",
        in_reply_to=message.pk,
    )


def _people(
    message: Message, author: Address, reply_to: tuple[Address, ...], *, to_all: bool
) -> tuple[list[Address], list[Address]]:
    """Who the answer is for. Our own letter answered again goes to those it was written to; we
    never write to ourselves.
    """
    named = [
        (recipient.kind, person_of(recipient, message.mailbox))
        for recipient in message.recipients.all()
    ]
    direct = [person for kind, person in named if kind == RecipientKind.TO]
    copies = [person for kind, person in named if kind == RecipientKind.CC]
    ours = {normalise_address(message.mailbox.address)}
    if message.state == MessageState.SENT:
        # A letter to ourselves alone is still answered to somebody.
        first = _without(ours, direct) or direct
        return first, _without(ours, copies) if to_all else []
    first = _without(ours, reply_to) or [author]
    if not to_all:
        return first, []
    known = ours | {normalise_address(person.address) for person in first}
    return first, _without(known, direct + copies)


def _without(known: set[str], people: Sequence[Address]) -> list[Address]:
    return [person for person in people if normalise_address(person.address) not in known]


def _written(person: Address) -> str:
    if not person.name or any(sign in person.name for sign in ',;<>"@'):
        return person.address
    return f"{person.name} <{person.address}>"
