"""The bell of the incoming road: Celery tasks that take an id, and the sweep that finds rows the
bell forgot.

It knows ids and due times; what happens to a message is ``pipeline``'s business.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import ClassVar

from celery import shared_task
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from webmail.inbound.files import remove_spool_file, spool_files_before
from webmail.inbound.pipeline import process
from webmail.models import InboundMessage, SpoolState

logger = logging.getLogger(__name__)

_SWEEP_LIMIT = 500
_RING_AGAIN_SECONDS = 30
_CLEAN_SECONDS = 3600
_ORPHAN_AGE = timedelta(days=1)


def ring_inbound(inbound_id: int) -> None:
    """Wake a worker. A bell that cannot ring loses nothing: the sweep finds the row."""
    try:
        process_inbound.apply_async((inbound_id,), retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("event=bell_failed queue=inbound error=%s", type(error).__name__)


@shared_task(name="webmail.process_inbound")
def process_inbound(inbound_id: int) -> None:
    process(inbound_id)


class _Sweep:
    """What this process's sweeper did lately: it is one thread, and a bell rung again and again for
    one row would only fill the queue of bells.
    """

    rung: ClassVar[dict[int, float]] = {}
    cleaned_at: float | None = None


def sweep_spool() -> None:
    """Ring every row that is due: new ones whose bell was lost, retries, and those whose worker
    died. Each at most once in a while, however long the workers take.
    """
    now, clock = timezone.now(), time.monotonic()
    _Sweep.rung = {pk: at for pk, at in _Sweep.rung.items() if clock - at < _RING_AGAIN_SECONDS}
    due = InboundMessage.objects.filter(
        Q(state=SpoolState.WAITING, next_attempt_at__lte=now)
        | Q(state=SpoolState.PROCESSING, lease_until__lt=now)
    )
    for inbound_id in due.order_by("pk").values_list("pk", flat=True)[:_SWEEP_LIMIT]:
        if inbound_id not in _Sweep.rung:
            _Sweep.rung[inbound_id] = clock
            ring_inbound(inbound_id)
    if _Sweep.cleaned_at is None or clock - _Sweep.cleaned_at > _CLEAN_SECONDS:
        _Sweep.cleaned_at = clock
        _remove_orphans(now)


def _remove_orphans(now: datetime) -> None:
    """Files of the spool that no row holds, a day after: receptions cut by a crash, never
    acknowledged.
    """
    for name in spool_files_before(now - _ORPHAN_AGE):
        if not InboundMessage.objects.filter(name=name).exists():
            remove_spool_file(name)
            logger.warning("event=spool_orphan_removed")
