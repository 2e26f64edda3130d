"""The bell of the incoming road: a Celery task that takes what is due, and the sweep that rings for
rows the bell forgot.

It knows that something is due; what happens to a message is ``pipeline``'s business.
"""

import logging
import time
from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from webmail.inbound.files import remove_spool_file, spool_files_before
from webmail.inbound.pipeline import has_due, process_due
from webmail.models import InboundMessage

logger = logging.getLogger(__name__)

_RING_AGAIN_SECONDS = 10
_CLEAN_SECONDS = 3600
_ORPHAN_AGE = timedelta(days=1)


def ring_spool() -> None:
    """Wake a worker. A bell that cannot ring loses nothing: the sweep finds the rows."""
    try:
        drain_spool.apply_async(retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("event=bell_failed queue=inbound error=%s", type(error).__name__)


@shared_task(name="webmail.drain_spool")
def drain_spool() -> None:
    process_due()


class _Sweep:
    """What this process's sweeper did lately: it is one thread, and a bell rung again and again for
    one row would only fill the queue of bells.
    """

    rung_at: float | None = None
    cleaned_at: float | None = None


def sweep_spool() -> None:
    """Ring when something is due: new rows whose bell was lost, retries, and those whose worker
    died. Once in a while only, however long the workers take.
    """
    clock = time.monotonic()
    is_quiet = _Sweep.rung_at is None or clock - _Sweep.rung_at > _RING_AGAIN_SECONDS
    if is_quiet and has_due():
        _Sweep.rung_at = clock
        ring_spool()
    if _Sweep.cleaned_at is None or clock - _Sweep.cleaned_at > _CLEAN_SECONDS:
        _Sweep.cleaned_at = clock
        _remove_orphans(timezone.now())


def _remove_orphans(now: datetime) -> None:
    """Files of the spool that no row holds, a day after: receptions cut by a crash, never
    acknowledged.
    """
    for name in spool_files_before(now - _ORPHAN_AGE):
        if not InboundMessage.objects.filter(name=name).exists():
            remove_spool_file(name)
            logger.warning("event=spool_orphan_removed")
