"""What a peer's codes mean: enhanced codes (RFC 3463 and IANA's registry of them) and, where there
is none, SMTP's own three digits. Codes in, the slug of a reason out; the words are ``reasons``'.
"""

import re
from typing import Final

_ENHANCED: Final = re.compile(r"[245]\.(\d{1,3}\.\d{1,3})")

# Subject and detail of an enhanced code → slug. Several codes share one where a person would do the
# same about them.
BY_DETAIL: Final = {
    "0.0": "refused",
    "1.0": "unknown_recipient",
    "1.1": "unknown_recipient",
    "1.2": "no_such_domain",
    "1.3": "bad_address",
    "1.4": "ambiguous_address",
    "1.5": "refused",
    "1.6": "mailbox_moved",
    "1.7": "sender_refused",
    "1.8": "sender_refused",
    "1.9": "refused",
    "1.10": "takes_no_mail",
    "2.0": "mailbox_trouble",
    "2.1": "mailbox_closed",
    "2.2": "mailbox_full",
    "2.3": "too_big",
    "2.4": "list_trouble",
    "3.0": "peer_trouble",
    "3.1": "peer_full",
    "3.2": "peer_busy",
    "3.3": "protocol_refused",
    "3.4": "too_big",
    "3.5": "peer_trouble",
    "3.6": "refused",
    "4.0": "beyond_reach",
    "4.1": "beyond_reach",
    "4.2": "beyond_reach",
    "4.3": "peer_trouble",
    "4.4": "beyond_reach",
    "4.5": "peer_busy",
    "4.6": "mail_loop",
    "4.7": "beyond_reach",
    "5.0": "protocol_refused",
    "5.1": "protocol_refused",
    "5.2": "protocol_refused",
    "5.3": "too_many_recipients",
    "5.4": "protocol_refused",
    "5.5": "protocol_refused",
    "5.6": "protocol_refused",
    "6.0": "content_refused",
    "6.1": "content_refused",
    "6.2": "content_refused",
    "6.3": "content_refused",
    "6.4": "content_refused",
    "6.5": "content_refused",
    "6.6": "content_refused",
    "6.7": "characters_refused",
    "6.8": "characters_refused",
    "6.9": "characters_refused",
    "6.10": "characters_refused",
    "7.0": "refused_by_policy",
    "7.1": "refused_by_policy",
    "7.2": "list_closed",
    "7.3": "protection_refused",
    "7.4": "protection_refused",
    "7.5": "protection_refused",
    "7.6": "protection_refused",
    "7.7": "protection_refused",
    "7.8": "not_recognised",
    "7.9": "not_recognised",
    "7.10": "protection_refused",
    "7.11": "protection_refused",
    "7.12": "not_recognised",
    "7.13": "not_recognised",
    "7.14": "not_recognised",
    "7.15": "peer_busy",
    "7.16": "too_big",
    "7.17": "owner_changed",
    "7.18": "owner_changed",
    "7.19": "refused",
    "7.20": "origin_refused",
    "7.21": "origin_refused",
    "7.22": "origin_refused",
    "7.23": "origin_refused",
    "7.24": "origin_refused",
    "7.25": "origin_refused",
    "7.26": "origin_refused",
    "7.27": "sender_refused",
    "7.28": "too_many_letters",
    "7.29": "origin_refused",
    "7.30": "protection_refused",
}
# A detail nobody registered says at least what it is about (RFC 3463 §2: unknown details are read
# as X.subject.0).
BY_SUBJECT: Final = {
    "2": "mailbox_trouble",
    "3": "peer_trouble",
    "4": "beyond_reach",
    "5": "protocol_refused",
    "6": "content_refused",
    "7": "refused_by_policy",
}
# RFC 5321 §4.2.3, RFC 7504, RFC 4954.
BY_CODE: Final = {
    421: "peer_busy",
    450: "mailbox_trouble",
    451: "peer_trouble",
    452: "mailbox_full",
    454: "protection_refused",
    455: "protocol_refused",
    500: "protocol_refused",
    501: "protocol_refused",
    502: "protocol_refused",
    503: "protocol_refused",
    504: "protocol_refused",
    521: "takes_no_mail",
    530: "protection_refused",
    534: "not_recognised",
    535: "not_recognised",
    538: "protection_refused",
    550: "unknown_recipient",
    551: "mailbox_moved",
    552: "too_big",
    553: "bad_address",
    554: "refused",
    555: "protocol_refused",
    556: "takes_no_mail",
}
# What is over some day is no end: a box that is closed «for now» is suspended.
_FOR_NOW: Final = {"mailbox_closed": "mailbox_suspended"}


def reason_of(code: int | None, enhanced: str) -> str:
    """The slug of a refusal: by its enhanced code when there is one, else by what the code usually
    means, else honestly «refused».
    """
    match = _ENHANCED.fullmatch(enhanced)
    if match is None:
        return BY_CODE.get(code or 0, "refused")
    detail = match[1]
    slug = BY_DETAIL.get(detail) or BY_SUBJECT.get(detail.partition(".")[0], "refused")
    return _FOR_NOW.get(slug, slug) if enhanced.startswith("4") else slug
