"""Another window was faster: what it did, in words, and what it holds. A row comes in, a value for
the page goes out; nothing is kept here.
"""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from webmail.mailbox.kinds import Message, MessageState
from webmail.outbound.draft_places import is_discarded
from webmail.outbound.drafts import DraftText, draft_text


@dataclass(frozen=True, slots=True)
class Conflict:
    """What stands against keeping a page's text. ``version`` is the one to write over; empty when
    there is nothing to write over any more.
    """

    sentence: str
    version: str = ""
    url: str = ""
    other: DraftText | None = None
    files: int = 0


def conflict_of(letter: Message | None) -> Conflict:
    """``letter`` is what the page's draft has become; ``None`` when it is nowhere any more."""
    sentence = overtaken_sentence(letter)
    if letter is None or letter.state != MessageState.DRAFT:
        return Conflict(sentence)
    return Conflict(
        sentence,
        version=str(letter.version),
        url=f"{reverse('compose')}?brouillon={letter.pk}",
        other=draft_text(letter),
        files=letter.attachment_count,
    )


def overtaken_sentence(letter: Message | None) -> str:
    if letter is not None and letter.state == MessageState.SENT:
        return _("This letter was sent in another window.")
    if letter is None or is_discarded(letter):
        return _("This letter was discarded in another window.")
    return _("This letter was changed in another window.")
