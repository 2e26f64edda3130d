"""Why a letter waits or failed, in one plain sentence, and who must do what. Slugs in, words out;
it knows no row and no page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webmail.outbound.codes import reason_of

Text = str | Promise


@dataclass(frozen=True, slots=True)
class _Words:
    short: Text  # The cause in a few words.
    happened: Text
    act: Text  # What is to be done, and by whom.


# Who must act, where many causes share it.
_CHECK: Final = _("Check the address with your correspondent.")
_ASK: Final = _("Ask your correspondent for another address.")
_OURS: Final = _("Your administrator must look into it; tell them the time of this letter.")
_THEIRS: Final = _("The recipient's operator must settle it; reach your correspondent another way.")
_BOTH: Final = _(
    "The operators must settle this between them; your administrator is the one to tell."
)
_OTHER_WAY: Final = _("Reach your correspondent another way if it is urgent.")

_WORDS: Final[Mapping[str, _Words]] = {
    # The address
    "unknown_recipient": _Words(
        _("unknown address"), _("The recipient's operator does not know this address."), _CHECK
    ),
    "bad_address": _Words(
        _("address not accepted"),
        _("The recipient's operator cannot read this address: it is not well formed."),
        _CHECK,
    ),
    "ambiguous_address": _Words(
        _("address of several mailboxes"),
        _("This address belongs to several mailboxes at the recipient's operator."),
        _("Ask your correspondent for their exact address."),
    ),
    "mailbox_moved": _Words(
        _("mailbox moved"), _("The recipient's mailbox has moved to another address."), _ASK
    ),
    "owner_changed": _Words(
        _("mailbox of somebody else now"),
        _("This address belongs to somebody else now: the letter was not given to them."),
        _ASK,
    ),
    "no_such_domain": _Words(
        _("this domain does not exist"), _("The recipient's domain does not exist."), _CHECK
    ),
    "takes_no_mail": _Words(
        _("this domain takes no mail"), _("The recipient's domain takes no mail."), _CHECK
    ),
    # The mailbox
    "mailbox_full": _Words(
        _("mailbox full at the recipient's"),
        _("The recipient's mailbox is full."),
        _("Your correspondent must make room; you did nothing wrong."),
    ),
    "mailbox_suspended": _Words(
        _("mailbox suspended"), _("The recipient's mailbox is suspended."), _OTHER_WAY
    ),
    "mailbox_closed": _Words(_("mailbox closed"), _("The recipient's mailbox is closed."), _ASK),
    "mailbox_trouble": _Words(
        _("mailbox out of order"),
        _("The recipient's mailbox is out of order at their operator."),
        _THEIRS,
    ),
    "list_trouble": _Words(
        _("distribution list out of order"),
        _("The address is a list whose members could not be reached."),
        _("Whoever keeps the list must act; write to its members one by one meanwhile."),
    ),
    "list_closed": _Words(
        _("closed distribution list"),
        _("The address is a list that takes no letters from you."),
        _("Ask whoever keeps the list, or write to its members one by one."),
    ),
    # The letter
    "too_big": _Words(
        _("message too big"),
        _("The letter is too big for the recipient's operator."),
        _("Send fewer or smaller files."),
    ),
    "content_refused": _Words(
        _("content not accepted"),
        _("The recipient's operator cannot take this kind of content."),
        _("Send the document in another form, a PDF for instance."),
    ),
    "characters_refused": _Words(
        _("characters not accepted"),
        _("The recipient's operator cannot take the accented letters of an address."),
        _OURS,
    ),
    "too_many_recipients": _Words(
        _("too many recipients"),
        _("The letter has too many recipients for their operator."),
        _("Send it to fewer people at a time."),
    ),
    "too_many_letters": _Words(
        _("too many letters at once"),
        _("The recipient's operator finds that too many letters come at once."),
        _("Your administrator can space them out; there is nothing to correct in this one."),
    ),
    # Between the two operators
    "refused_by_policy": _Words(
        _("refused by their operator"),
        _("The recipient's operator does not take letters from ours."),
        _OURS,
    ),
    "sender_refused": _Words(
        _("sender's address refused"),
        _("The recipient's operator does not accept your own address."),
        _OURS,
    ),
    "not_recognised": _Words(
        _("our operator not recognised"),
        _("The recipient's operator did not recognise ours."),
        _OURS,
    ),
    "origin_refused": _Words(
        _("origin not proved"),
        _("The recipient's operator could not verify that the letter comes from ours."),
        _OURS,
    ),
    "protection_refused": _Words(
        _("protection not agreed on"),
        _("The two operators did not agree on how the letter is protected."),
        _BOTH,
    ),
    "protocol_refused": _Words(
        _("operators do not understand each other"),
        _("The software of the two operators did not understand each other."),
        _BOTH,
    ),
    "refused": _Words(
        _("refused by their operator"),
        _("The recipient's operator did not take the letter."),
        _("Your administrator can read its answer; tell them the time of this letter."),
    ),
    "untrusted_peer": _Words(
        _("operator not recognised"),
        _("The recipient's operator did not prove who it is. Nothing was sent to it."),
        _BOTH,
    ),
    "no_starttls": _Words(
        _("no protected connection"),
        _("The recipient's operator offers no protected connection. Nothing was sent to it."),
        _BOTH,
    ),
    # Their operator
    "peer_trouble": _Words(
        _("trouble at their operator"),
        _("The recipient's operator has a technical problem."),
        _THEIRS,
    ),
    "peer_full": _Words(
        _("no room at their operator"),
        _("The recipient's operator has no room left for letters."),
        _THEIRS,
    ),
    "peer_busy": _Words(
        _("their operator is overloaded"),
        _("The recipient's operator takes no letters at the moment."),
        _OTHER_WAY,
    ),
    "beyond_reach": _Words(
        _("mailbox out of their operator's reach"),
        _("The recipient's operator could not reach the system that holds the mailbox."),
        _THEIRS,
    ),
    "mail_loop": _Words(
        _("letter going round in circles"),
        _("The letter went round in circles at the recipient's operator."),
        _THEIRS,
    ),
    # Ourselves
    "certificate_status_unknown": _Words(
        _("certificate that cannot be checked"),
        _("We cannot check the certificate of the recipient's operator at the moment."),
        _("Your administrator must look into it."),
    ),
    "whitelist_stale": _Words(
        _("our list of operators is too old"),
        _("Our list of trusted operators is too old: letters are held back."),
        _("Your administrator must renew it."),
    ),
    "not_deposited": _Words(
        _("could not be put into the mailbox"),
        _("The letter arrived and could not be put into the mailbox."),
        _OURS,
    ),
}
# What does not work is the line: network, DNS, time-out, protocol.
_UNREACHABLE: Final = _Words(
    _("their operator cannot be reached"),
    _("The recipient's operator cannot be reached."),
    _OTHER_WAY,
)
# The end of a story whose last chapter is told by the codes.
EXPIRED: Final = "expired"
REPORTED: Final = "reported"
DELAYED: Final = "reported_delayed"
STORIES: Final = frozenset({EXPIRED, REPORTED, DELAYED})


def short_reason(reason: str) -> str:
    """The cause in a few words."""
    if reason == EXPIRED:
        return str(_("given up after %(hours)s hours") % {"hours": settings.RETRY_EXPIRY_HOURS})
    if reason == REPORTED:
        return str(_("returned by their operator"))
    if reason == DELAYED:
        return str(_("held up at their operator"))
    return str(_WORDS.get(reason, _UNREACHABLE).short)


def sentence_of(reason: str, *, code: int | None = None, enhanced: str = "") -> str:
    """What happened. A slug without words of its own is a line that does not work.

    Of a letter given up, or that a report speaks of, the codes tell the cause.
    """
    if not reason:
        return ""
    if reason not in STORIES:
        return str(_WORDS.get(reason, _UNREACHABLE).happened)
    stories = {
        EXPIRED: _("The letter could not be handed over within %(hours)s hours."),
        REPORTED: _(
            "The recipient's operator reports that the letter could not be delivered after all."
        ),
        DELAYED: _(
            "The recipient's operator has the letter and could not deliver it to the mailbox yet."
        ),
    }
    story = str(stories[reason] % {"hours": settings.RETRY_EXPIRY_HOURS})
    cause = _cause(code, enhanced)
    return f"{story} {cause.happened}" if cause is not None else story


def cure_of(reason: str, *, is_final: bool, code: int | None = None, enhanced: str = "") -> str:
    """Who must do what; and whether the letter is tried again by itself."""
    if not reason:
        return ""
    if reason == DELAYED:
        return str(_("It goes on trying by itself. Call your correspondent if it is urgent."))
    words = _WORDS.get(reason, _UNREACHABLE)
    if reason in STORIES:
        words = _cause(code, enhanced) or _UNREACHABLE
    if is_final:
        tail = _("It is not tried again: once that is settled, send it anew.")
    else:
        tail = _("Meanwhile the letter is tried again by itself.")
    return f"{words.act} {tail}"


def _cause(code: int | None, enhanced: str) -> _Words | None:
    """What the codes say; nothing when there is none, or when they say no more than «refused»."""
    slug = reason_of(code, enhanced)
    return None if slug == "refused" else _WORDS[slug]
