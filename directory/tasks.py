"""The white list is read again from time to time. It knows when a look is due; ``trust.whitelist``
knows how.
"""

import logging
import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from directory.models import WhitelistSnapshot
from directory.trust.whitelist import WhitelistError, refresh_whitelist

logger = logging.getLogger(__name__)

RETRY_SECONDS = 60  # A source that failed is asked again this much later, not at every sweep.


class _Bell:
    """When this process last rang, on the monotonic clock; a bell lost with the process is rung by
    the next one.
    """

    rung_at: float | None = None


@shared_task
def refresh_trusted_domains() -> None:
    """Load the published list; a refusal is logged and leaves the active list in force."""
    try:
        snapshot = refresh_whitelist()
    except WhitelistError as error:
        logger.error("event=whitelist_refused reason=%s", error.reason.value)  # noqa: TRY400  (A refusal is no accident.)
        return
    logger.info("event=whitelist_confirmed version=%d", snapshot.version)


def sweep_trusted_domains() -> bool:
    """Ring ``refresh_trusted_domains`` when the active list was not confirmed for the refresh
    interval; says whether it rang.
    """
    now = time.monotonic()
    if _Bell.rung_at is not None and now - _Bell.rung_at < RETRY_SECONDS:
        return False
    due_before = timezone.now() - timedelta(seconds=settings.WHITELIST_REFRESH_SECONDS)
    if WhitelistSnapshot.objects.filter(is_active=True, checked_at__gt=due_before).exists():
        return False
    _Bell.rung_at = now
    refresh_trusted_domains.delay()
    return True
