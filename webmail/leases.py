"""Keeps a claim alive while its work lasts. A thread renews the lease; when the process dies, the
thread dies with it.

It knows rows with a lease and a token; it does not know what is done with them.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.db.models import QuerySet
from django.utils import timezone

from webmail.models import Delivery, InboundMessage

logger = logging.getLogger(__name__)

_MOST_DRIFT_SECONDS: Final = 2.0
Claimed = QuerySet[Delivery] | QuerySet[InboundMessage]


@contextlib.contextmanager
def kept_lease(rows: Claimed, token: str) -> Iterator[None]:
    """Renew the lease that ``token`` holds on ``rows``, every third of it, until the block ends.

    A renewal that fails is tried again; whoever writes an outcome checks the token.
    """
    ended = threading.Event()
    interval = settings.LEASE_SECONDS / 3

    def renew() -> None:
        try:
            while not ended.wait(interval):
                with contextlib.suppress(DatabaseError):
                    _renew(rows, token)
                close_old_connections()
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def shorten_leases(rows: Claimed) -> None:
    """No lease reaches further than we make them: after the clock was set back, that of a dead
    worker would hold its rows for as long. A living one renews it anyway.
    """
    now, span = timezone.now(), timedelta(seconds=settings.LEASE_SECONDS)
    rows.filter(lease_until__gt=now + 2 * span).update(lease_until=now + span)


class _Clock:
    """What this process knows of the wall clock, from its start: how far it is ahead of the one
    nobody sets, and until when (by the latter) leases say nothing.
    """

    ahead = time.time() - time.monotonic()
    doubted_until = 0.0


def can_judge_leases() -> bool:
    """Whether a lease that looks dead is dead. When the clock was put forward, or the machine stood
    still, all of them look so until their holders have renewed them.
    """
    steady = time.monotonic()
    before, _Clock.ahead = _Clock.ahead, time.time() - steady
    if _Clock.ahead - before > _MOST_DRIFT_SECONDS:
        _Clock.doubted_until = steady + settings.LEASE_SECONDS
        logger.warning("event=clock_put_forward")
    return steady >= _Clock.doubted_until


def _renew(rows: Claimed, token: str) -> None:
    """An outcome takes the token off its row, so what is finished is never taken up again."""
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    rows.filter(lease_token=token).update(lease_until=until)
