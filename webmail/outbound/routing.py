"""Where a recipient is reached, or why it cannot be: our own box, or the hosts of a domain of the
trust space.

It asks the white list, the settings' routes and DNS; it opens no connection and changes no state.
"""

import ipaddress
import secrets
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.resolver
from django.conf import settings

from directory.trust.whitelist import WhitelistStale, check_fresh, is_listed_domain
from webmail.mime.addresses import domain_of, normalise_address
from webmail.models import Mailbox, MailboxKind, MailboxStatus

_DNS_SECONDS = 10
_MOST_HOSTS = 10
_chance = secrets.SystemRandom()


class Unroutable(StrEnum):
    """Why a letter may not be addressed there. Each has its sentence at the page."""

    PATIENT = "patient_address"  # Not routed yet.
    OUTSIDE = "outside_trust_space"
    UNKNOWN_HERE = "unknown_mailbox"
    CLOSED_HERE = "closed_mailbox"


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    port: int


class NoRouteError(Exception):
    """No host for a domain. ``permanent``: the domain says it takes no mail, or does not exist."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


def is_ours(domain: str) -> bool:
    return domain in settings.MAIL_DOMAINS


def check_recipient(address: str) -> Unroutable | None:
    """Why ``address`` cannot be written to, or ``None``. Asked when a letter is sent; the peer is
    checked again on the wire.
    """
    address = normalise_address(address)
    domain = domain_of(address)
    if domain in settings.PATIENT_DOMAINS:
        return Unroutable.PATIENT
    if is_ours(domain):
        mailbox = own_mailbox(address)
        if mailbox is None:
            return Unroutable.UNKNOWN_HERE
        return Unroutable.CLOSED_HERE if mailbox.status == MailboxStatus.CLOSED else None
    return None if is_listed_domain(domain) else Unroutable.OUTSIDE


def own_mailbox(address: str) -> Mailbox | None:
    """The box of ours at ``address``, patients' own inboxes aside."""
    found = Mailbox.objects.filter(address=normalise_address(address))
    return found.exclude(kind=MailboxKind.PATIENT).first()


def check_list_is_fresh() -> int:
    """The version of the white list in force. Raises ``NoRouteError`` when it is too old: mail is
    held back, never sent blindly.
    """
    try:
        return check_fresh().pk
    except WhitelistStale:
        raise NoRouteError("whitelist_stale", permanent=False) from None


def find_hosts(domain: str) -> list[Host]:
    """The hosts to try, in order (RFC 5321 §5.1): a configured route, else MX by preference, those
    of equal preference in any order so that they share the load, else the domain's own address.

    Raises ``NoRouteError``: permanent for a domain that does not exist or takes no mail (RFC 7505),
    transient when DNS is silent.
    """
    if domain in settings.MAIL_ROUTES:
        return [Host(*settings.MAIL_ROUTES[domain])]
    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=_DNS_SECONDS)
    except dns.resolver.NXDOMAIN:
        raise NoRouteError("no_such_domain", permanent=True) from None
    except dns.resolver.NoAnswer:
        return [Host(domain, settings.SMTP_PORT_OUT)]
    except dns.exception.DNSException:
        raise NoRouteError("dns_unavailable", permanent=False) from None
    records = list(answer)
    _chance.shuffle(records)
    records.sort(key=lambda record: record.preference)
    names = [name for record in records if (name := str(record.exchange).rstrip("."))]
    if not names:
        raise NoRouteError("takes_no_mail", permanent=True)
    return [Host(name, settings.SMTP_PORT_OUT) for name in names[:_MOST_HOSTS]]


def is_configured(host: Host) -> bool:
    """Whether an administrator named this host; only such hosts may lie on a private network."""
    return (host.name, host.port) in settings.MAIL_ROUTES.values()


def is_public(address: str) -> bool:
    """A name from DNS must not lead a letter into our own network."""
    return ipaddress.ip_address(address.partition("%")[0]).is_global
