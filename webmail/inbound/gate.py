"""Who may hand us a message, for whom, in which order it is checked, and what we answer. Values in,
an answer out.

The order and the codes are those of the operator reference, «order of checks and replies». Any no
is a 5xx in the conversation; a 4xx when it is we who cannot tell. It knows no socket and stores
nothing but the trail of refusals.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

from accounts.audit.events import Event
from accounts.audit.record import record_event
from directory.trust.certificates import CertificateError, PeerIdentity, Problem, identify_peer
from directory.trust.whitelist import (
    WhitelistStale,
    check_fresh,
    is_listed,
    is_listed_domain,
    is_trusted,
)
from webmail.mime.addresses import domain_of, normalise_address
from webmail.mime.envelope import parse_header_addresses
from webmail.mime.headers import split_headers
from webmail.models import Mailbox, MailboxKind, MailboxStatus

NULL_SENDER = ""
HEADER_BYTES = 256 * 1024  # A longer header section is refused: not all of it is looked at.


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP answer: code, enhanced code (RFC 3463), text; ``reason`` is a slug for the trail."""

    code: int
    enhanced: str
    text: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as far as certificate and list say."""

    identity: PeerIdentity
    whitelist_version: int


@dataclass(frozen=True, slots=True)
class Header:
    """Every address any From names, and whether the letter calls itself a report (RFC 6522)."""

    authors: tuple[str, ...]
    is_report: bool = False


DISK: Final = Reply(452, "4.3.1", "no room here at the moment, try again later", "disk")


class RefusedError(Exception):
    """The answer is no; ``reply`` says it to the peer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.reason)
        self.reply = reply


_CERTIFICATE_REPLIES = {
    Problem.MISSING: "client certificate required",
    Problem.MALFORMED: "certificate cannot be read",
    Problem.UNTRUSTED: "certificate not issued by IGC-Sante",
    Problem.EXPIRED: "certificate expired",
    Problem.NOT_YET_VALID: "certificate not valid yet",
    Problem.WRONG_USAGE: "certificate not meant for this use",
    Problem.REVOKED: "certificate revoked",
}


def check_peer(certificate: bytes | None) -> Peer:
    """Rows 4 to 9: a certificate, its chain, dates, usage, revocation, and its full name on the
    white list.

    Raises ``RefusedError``: 550 for a no, 454 when revocation lists or the white list are too old
    to tell.
    """
    try:
        identity = identify_peer(certificate)
    except CertificateError as error:
        if error.transient:
            raise RefusedError(
                Reply(
                    454, "4.7.0", "certificate status unavailable, try again later", error.problem
                )
            ) from None
        text = _CERTIFICATE_REPLIES[error.problem]
        raise RefusedError(Reply(550, "5.7.1", text, error.problem)) from None
    try:
        snapshot = check_fresh()
    except WhitelistStale:
        raise RefusedError(
            Reply(454, "4.7.0", "white list too old here, try again later", "whitelist_stale")
        ) from None
    if not is_listed(identity):
        raise RefusedError(Reply(550, "5.7.1", "operator not in white list", "not_listed"))
    return Peer(identity, snapshot.pk)


def check_disk() -> None:
    """Room on the spool's disk, with something to spare: past the mark a letter is refused before a
    byte of it is written, while there is still room to end what is under way.
    """
    folder = Path(settings.SPOOL_DIR)
    while not folder.exists():  # It is made with the first letter.
        folder = folder.parent
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < settings.SPOOL_LEAST_FREE_BYTES:
        raise RefusedError(DISK)


def check_sender(peer: Peer, sender: str) -> None:
    """Row 10: the sender's domain belongs to this certificate."""
    if sender != NULL_SENDER and not is_trusted(domain_of(sender), peer.identity):
        raise RefusedError(
            Reply(
                550, "5.7.1", "sender domain not authorised for this certificate", "foreign_sender"
            )
        )


def check_size(size: int) -> None:
    """Row 11: the announced size is within our limit."""
    if size > settings.MESSAGE_SIZE_LIMIT_IN:
        raise too_big()


def check_recipient(address: str, *, size: int, known: int) -> Mailbox:
    """Rows 12 to 15: our domain, an open mailbox, room in it, not too many recipients."""
    address = normalise_address(address)
    if domain_of(address) not in settings.MAIL_DOMAINS:
        raise RefusedError(Reply(550, "5.7.1", "relaying denied", "relay"))
    mailbox = Mailbox.objects.filter(address=address).exclude(kind=MailboxKind.PATIENT).first()
    if mailbox is None:
        raise RefusedError(Reply(550, "5.1.1", "no such mailbox", "unknown_mailbox"))
    if mailbox.status == MailboxStatus.CLOSED:
        raise RefusedError(Reply(550, "5.2.1", "mailbox closed", "closed_mailbox"))
    if mailbox.status == MailboxStatus.SUSPENDED:
        raise RefusedError(Reply(450, "4.2.1", "mailbox suspended", "suspended_mailbox"))
    if mailbox.used_bytes + size > mailbox.quota_bytes:
        raise RefusedError(Reply(452, "4.2.2", "mailbox full", "full_mailbox"))
    if known >= settings.SMTP_RECIPIENT_LIMIT:
        raise RefusedError(Reply(452, "4.5.3", "too many recipients", "recipients"))
    return mailbox


def check_author(peer: Peer, sender: str, header: Header) -> None:
    """Row 16: the header's From is in the sender's domain, or in one the same certificate may speak
    for.

    A report (null sender) is written by a machine under its host's name, which no list knows; under
    the name of a listed domain it must be that domain's certificate, like any letter.
    """
    is_machine = sender == NULL_SENDER and header.is_report
    for author in header.authors:
        domain = domain_of(author)
        if domain == domain_of(sender) or is_trusted(domain, peer.identity):
            continue
        if is_machine and not is_listed_domain(domain):
            continue
        raise RefusedError(
            Reply(550, "5.7.1", "From: is not in the sender's domain", "foreign_author")
        )


def check_room(mailboxes: Sequence[Mailbox], size: int) -> None:
    """Row 14 once more, when the real size is known: a peer need not announce it.

    Refused when none of the boxes has room; otherwise the letter goes to all of them, and a full
    one is past its quota by this letter only.
    """
    for mailbox in mailboxes:
        mailbox.refresh_from_db(fields=["used_bytes", "quota_bytes"])
    if all(one.used_bytes + size > one.quota_bytes for one in mailboxes):
        raise RefusedError(Reply(452, "4.2.2", "mailbox full", "full_mailbox"))


def read_header(head: bytes) -> Header | None:
    """What the gate looks at in the header of a letter; ``None`` when the header goes on after
    ``head``, so that a later From would be shown to the reader and never checked.
    """
    headers, body = split_headers(head, 0, len(head))
    is_whole = head[:body].endswith(b"\r\n\r\n") or b"\n" in head[body:]
    if len(head) >= HEADER_BYTES and not is_whole:
        return None
    authors = tuple(one.address for one in parse_header_addresses(headers.all("From")))
    kind = headers.first("Content-Type").strip().lower()
    return Header(authors, is_report=kind.startswith("multipart/report"))


def too_big() -> RefusedError:
    return RefusedError(Reply(552, "5.3.4", "message too big", "too_big"))


def note_refusal(reply: Reply, *, peer_dn: str, domain: str) -> None:
    """Leave the trace of a refusal: names and domains only."""
    record_event(
        Event.INBOUND_MESSAGE_REFUSED,
        detail={
            "reply": f"{reply.code} {reply.enhanced}",
            "reason": reply.reason,
            "peer_dn": peer_dn,
            "domain": domain,
        },
    )
