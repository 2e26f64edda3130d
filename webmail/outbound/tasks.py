"""The bell of the outgoing road: a task drains one peer, and the sweep finds what is due, lost, or
too old.

It knows domains and due times; how a letter is handed over is ``delivery``'s business.
"""

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from webmail.outbound.claims import due, has_slot
from webmail.outbound.delivery import deliver_due
from webmail.outbound.lines import close_idle_lines
from webmail.outbound.overdue import (
    expire_old,
    heed_clock,
    release_dead_leases,
    tell_of_delays,
)
from webmail.outbound.troubles import forget_old_troubles, troubled_domains

logger = logging.getLogger(__name__)


def ring_domain(domain: str) -> None:
    """Wake a worker for one peer. A bell that cannot ring loses nothing: the sweep finds the
    rows.
    """
    try:
        drain_peer.apply_async((domain,), retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("event=bell_failed queue=outbound error=%s", type(error).__name__)


@shared_task(name="webmail.drain_peer")
def drain_peer(domain: str) -> None:
    for following in deliver_due(domain):
        ring_domain(following)


def sweep_outbox() -> None:
    """Give back what died in flight, fail what is too old, tell of what is late, ring every domain
    with something due, end lines nobody uses.
    """
    close_idle_lines()
    heed_clock()
    expire_old()
    tell_of_delays()
    release_dead_leases()
    forget_old_troubles()
    troubled = troubled_domains()
    for domain in due().order_by("domain").values_list("domain", flat=True).distinct():
        # Where somebody is at it already, a bell would only fill the queue of bells.
        if has_slot(domain, troubled):
            ring_domain(domain)
