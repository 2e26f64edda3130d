"""Keeps a claim alive while its work lasts. A thread renews the lease; when the process dies, the
thread dies with it.

It knows rows with a lease and a token; it does not know what is done with them.
"""

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.db.models import QuerySet
from django.utils import timezone

from webmail.models import Delivery, InboundMessage

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


def _renew(rows: Claimed, token: str) -> None:
    """An outcome takes the token off its row, so what is finished is never taken up again."""
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    rows.filter(lease_token=token).update(lease_until=until)
