"""Keeps a claim alive while a conversation lasts. A thread renews the lease; when the process dies,
the thread dies with it.

It knows rows in flight and a token, no letter and no peer.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from webmail.models import Delivery, DeliveryState


@contextlib.contextmanager
def kept_lease(delivery_ids: Sequence[int], token: str) -> Iterator[None]:
    """Renew every third of the lease until the block ends. A renewal that fails is tried again; the
    outcome checks the token.
    """
    ended = threading.Event()
    interval = settings.LEASE_SECONDS / 3

    def renew() -> None:
        try:
            while not ended.wait(interval):
                with contextlib.suppress(DatabaseError):
                    _renew(delivery_ids, token)
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


def _renew(delivery_ids: Sequence[int], token: str) -> None:
    Delivery.objects.filter(
        pk__in=delivery_ids, state=DeliveryState.IN_FLIGHT, lease_token=token
    ).update(lease_until=timezone.now() + timedelta(seconds=settings.LEASE_SECONDS))
