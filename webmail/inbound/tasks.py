"""The bell of the incoming road: a Celery task that takes what is due, and the sweep that rings for
rows the bell forgot.

It knows that something is due; what happens to a message is ``pipeline``'s business.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import ClassVar

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from webmail.inbound.files import remove_spool_file, spool_files_before
from webmail.inbound.pipeline import has_due, heed_clock, process_due
from webmail.models import InboundMessage, SpoolState
from webmail.store.orphans import blob_folders, remove_blob_orphans

logger = logging.getLogger(__name__)

_TURNS = 5  # Of the time one task has, so that it ends by itself unless a letter does not.
_RING_AGAIN_SECONDS = 10
_CLEAN_SECONDS = 3600
_LIST_SECONDS = 24 * 3600
_ORPHAN_AGE = timedelta(days=1)


def ring_spool() -> None:
    """Wake a worker. A bell that cannot ring loses nothing: the sweep finds the rows."""
    try:
        drain_spool.apply_async(retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("event=bell_failed queue=inbound error=%s", type(error).__name__)


# A letter that keeps its worker busy for ever would end no other way; and what was tried before is
# taken alone, so it takes no other letter with it.
@shared_task(name="webmail.drain_spool", time_limit=settings.SPOOL_TASK_SECONDS)
def drain_spool() -> None:
    if process_due(seconds=settings.SPOOL_TASK_SECONDS / _TURNS):
        ring_spool()


class _Sweep:
    """What this process's sweeper did lately: it is one thread, and a bell rung again and again for
    one row would only fill the queue of bells.
    """

    rung_at: float | None = None
    cleaned_at: float | None = None
    listed_at: float | None = None
    blob_folders: ClassVar[list[str]] = []  # Still to be looked through.


def sweep_spool() -> None:
    """Ring when something is due: new rows whose bell was lost, retries, and those whose worker
    died. Once in a while only, however long the workers take.
    """
    heed_clock()
    clock = time.monotonic()
    is_quiet = _Sweep.rung_at is None or clock - _Sweep.rung_at > _RING_AGAIN_SECONDS
    if is_quiet and has_due():
        _Sweep.rung_at = clock
        ring_spool()
    if _Sweep.cleaned_at is None or clock - _Sweep.cleaned_at > _CLEAN_SECONDS:
        _Sweep.cleaned_at = clock
        _remove_orphans(timezone.now())
    _remove_blob_orphans(clock)


def _remove_blob_orphans(clock: float) -> None:
    """Once a day through the whole storage, one folder at a time: a sweep is never long."""
    if _Sweep.listed_at is None or clock - _Sweep.listed_at > _LIST_SECONDS:
        _Sweep.listed_at = clock
        _Sweep.blob_folders[:] = blob_folders()
    elif _Sweep.blob_folders:
        folder = _Sweep.blob_folders.pop()
        if removed := remove_blob_orphans(folder, before=timezone.now() - _ORPHAN_AGE):
            logger.warning("event=blob_orphans_removed count=%s", removed)


def _remove_orphans(now: datetime) -> None:
    """Files of the spool that no row needs, a day after: receptions cut by a crash, never
    acknowledged, and messages whose worker died between the deposit and the tidying.
    """
    for name in spool_files_before(now - _ORPHAN_AGE):
        needed = InboundMessage.objects.filter(name=name).exclude(state=SpoolState.DONE)
        if not needed.exists():
            remove_spool_file(name)
            logger.warning("event=spool_orphan_removed")
