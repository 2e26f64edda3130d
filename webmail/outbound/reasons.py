"""Why a letter waits or failed, in one plain sentence, and who must do what. Slugs in, words out;
it knows no row and no page.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webmail.outbound.replies import PeerReply

# slug → (what happened, what to do and by whom)
_WORDS: dict[str, tuple[str | Promise, str | Promise]] = {
    "unknown_recipient": (
        _("The recipient's operator does not know this address."),
        _("Check the address with your correspondent, then send the letter again."),
    ),
    "mailbox_full": (
        _("The recipient's mailbox is full."),
        _("Your correspondent must make room; you did nothing wrong."),
    ),
    "mailbox_suspended": (
        _("The recipient's mailbox is suspended."),
        _("Reach your correspondent another way if it is urgent; the letter waits meanwhile."),
    ),
    "mailbox_closed": (
        _("The recipient's mailbox is closed."),
        _("Ask your correspondent for another address."),
    ),
    "too_big": (
        _("The letter is too big for the recipient's operator."),
        _("Send fewer or smaller files."),
    ),
    "refused_by_policy": (
        _("The recipient's operator refuses letters from ours."),
        _("Your administrator must look into it; tell them the time of this letter."),
    ),
    "refused": (
        _("The recipient's operator refused the letter."),
        _("Your administrator can read its answer; tell them the time of this letter."),
    ),
    "untrusted_peer": (
        _("The recipient's operator did not prove who it is. Nothing was sent to it."),
        _("The operators must settle this between them; your administrator is the one to tell."),
    ),
    "certificate_status_unknown": (
        _("We cannot check the certificate of the recipient's operator at the moment."),
        _("Your administrator must look into it. The letter waits meanwhile."),
    ),
    "no_starttls": (
        _("The recipient's operator offers no protected connection. Nothing was sent to it."),
        _("The operators must settle this between them; your administrator is the one to tell."),
    ),
    "no_such_domain": (
        _("The recipient's domain does not exist."),
        _("Check the address with your correspondent."),
    ),
    "takes_no_mail": (
        _("The recipient's domain takes no mail."),
        _("Check the address with your correspondent."),
    ),
    "whitelist_stale": (
        _("Our list of trusted operators is too old: letters are held back."),
        _("Your administrator must renew it; the letter will then leave by itself."),
    ),
    "expired": (
        _("The recipient's operator could not be reached for two days."),
        _("Reach your correspondent another way if it is urgent, then send the letter again."),
    ),
    "reported": (
        _("The recipient's operator reports that the letter could not be delivered after all."),
        _("Read its report in your inbox, or call your correspondent."),
    ),
}
_UNREACHABLE: tuple[str | Promise, str | Promise] = (
    _("The recipient's operator cannot be reached at the moment."),
    _("There is nothing to do: the letter will be tried again by itself."),
)


def sentence_of(reason: str) -> str:
    """What happened. A slug without words of its own is a line that does not work: network, DNS,
    time-out, protocol.
    """
    return "" if not reason else str(_WORDS.get(reason, _UNREACHABLE)[0])


def cure_of(reason: str) -> str:
    return "" if not reason else str(_WORDS.get(reason, _UNREACHABLE)[1])


def reason_of(reply: PeerReply) -> str:
    """The slug of a refusal: by its enhanced code (RFC 3463) when there is one, else by what the
    code usually means.
    """
    by_detail = {
        "1.1": "unknown_recipient",
        "1.2": "unknown_recipient",
        "1.10": "unknown_recipient",
        "2.1": "mailbox_closed",
        "2.2": "mailbox_full",
        "2.3": "too_big",
        "3.4": "too_big",
    }
    detail = reply.enhanced.partition(".")[2]
    if detail in by_detail:
        return by_detail[detail]
    if detail.startswith("7."):
        return "refused_by_policy"
    return {550: "unknown_recipient", 552: "too_big", 452: "mailbox_full"}.get(
        0 if detail else reply.code, "refused"
    )
