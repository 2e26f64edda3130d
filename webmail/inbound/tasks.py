"""The bell of the incoming road: Celery tasks that take an id, and the sweep that finds rows the
bell forgot.

It knows ids and due times; what happens to a message is ``pipeline``'s business.
"""

import logging

from celery import shared_task
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from webmail.inbound.pipeline import process
from webmail.models import InboundMessage, SpoolState

logger = logging.getLogger(__name__)

_SWEEP_LIMIT = 500


def ring_inbound(inbound_id: int) -> None:
    """Wake a worker. A bell that cannot ring loses nothing: the sweep finds the row."""
    try:
        process_inbound.apply_async((inbound_id,), retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("event=bell_failed queue=inbound error=%s", type(error).__name__)


@shared_task(name="webmail.process_inbound")
def process_inbound(inbound_id: int) -> None:
    process(inbound_id)


def sweep_spool() -> None:
    """Ring every row that is due: new ones whose bell was lost, retries, and those whose worker
    died.
    """
    now = timezone.now()
    due = InboundMessage.objects.filter(
        Q(state=SpoolState.WAITING, next_attempt_at__lte=now)
        | Q(state=SpoolState.PROCESSING, lease_until__lt=now)
    )
    for inbound_id in due.order_by("pk").values_list("pk", flat=True)[:_SWEEP_LIMIT]:
        ring_inbound(inbound_id)
