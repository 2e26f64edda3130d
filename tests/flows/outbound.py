"""What the stories of sending have in common: what waits, what was heard, what became of it."""

from django.utils import timezone

from directory.models import TrustedDomain
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.pki import write_whitelist
from tests.factories.letters import PETIT
from tests.factories.outbox import PRACTICE_DOMAIN, make_delivery
from webmail.models import Delivery, PeerState


def backlog(mailbox, count, *, domain=PRACTICE_DOMAIN):
    """So many letters that wait for a peer, in the order they are due."""
    address = f"{PETIT.partition('@')[0]}@{domain}"
    return [make_delivery(mailbox, address=address) for _ in range(count)]


def heard(peer, verb):
    return [command for command in peer.commands if command.upper().startswith(verb)]


def now(row):
    return Delivery.objects.get(pk=row.pk)


def states(rows):
    return [(one.state, one.reason, one.attempts) for one in map(now, rows)]


def due_again(*rows):
    """Time has passed, for the letters and for the peers."""
    PeerState.objects.update(retry_at=timezone.now())
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(next_attempt_at=timezone.now())


def publish(space, *domains):
    """A new white list: these domains, and the practice's certificate for each."""
    listed = TrustedDomain.objects.filter(snapshot__is_active=True, domain=PRACTICE_DOMAIN)
    dn = listed.values_list("dn", flat=True).first() or ""
    write_whitelist(space, [(domain, dn, "Messagerie") for domain in domains])
    refresh_whitelist()
