"""Celery, the bell: it wakes workers; the database rows are the queue. It knows task names, no
message.

Each worker also runs one thread that looks for due rows every few seconds, so that nothing waits
for a bell that was lost. Two such threads at once do no harm: a row is claimed before anything is
done with it.
"""

import logging
import resource
import threading
from typing import Any

from celery import Celery
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections

from mssante.bell import use_whole_bells

logger = logging.getLogger(__name__)

use_whole_bells()
app = Celery("mssante")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["webmail.outbound", "webmail.inbound", "directory"])

_stop = threading.Event()


@setup_logging.connect
def _keep_our_logging(**_kwargs: Any) -> None:
    """Celery would otherwise install handlers of its own; the settings' LOGGING is the only one."""


@worker_init.connect
def _refuse_unsafe_start(**_kwargs: Any) -> None:
    from mssante.checks import refuse_unsafe_start  # noqa: PLC0415  (Django must be set up first.)

    try:
        refuse_unsafe_start()
    except ImproperlyConfigured as error:
        # Celery logs and forgets what a signal's receiver raises, but not an exit.
        raise SystemExit(str(error)) from None


@worker_process_init.connect
def _prepare_process(**_kwargs: Any) -> None:
    """A letter that eats memory is an error of that letter, not the end of the machine. And the
    sweep that ends idle lines runs in the worker's own process, not in those it forks.
    """
    from webmail.outbound.lines import keep_no_lines  # noqa: PLC0415  (Django must be set up first.)

    limit = settings.WORKER_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    keep_no_lines()


@worker_ready.connect
def _start_sweeper(**_kwargs: Any) -> None:
    from webmail.outbound.lines import open_up  # noqa: PLC0415  (As above.)

    open_up()
    _stop.clear()
    threading.Thread(target=_sweep_until_stopped, name="sweeper", daemon=True).start()


@worker_shutting_down.connect
def _stop_sweeper(**_kwargs: Any) -> None:
    from webmail.outbound.lines import close_down  # noqa: PLC0415  (As above.)

    _stop.set()
    close_down()


@worker_shutdown.connect
def _say_goodbye(**_kwargs: Any) -> None:
    from webmail.outbound.lines import close_idle_lines  # noqa: PLC0415  (As above.)

    close_idle_lines(older_than=0)


def _sweep_until_stopped() -> None:
    """Ring due rows until the worker stops. Must survive anything: a failed round is logged and the
    next one tries again.
    """
    from directory.tasks import sweep_trusted_domains  # noqa: PLC0415  (Django must be set up first.)
    from webmail.inbound.tasks import sweep_spool  # noqa: PLC0415
    from webmail.outbound.automatic import sweep_automatic  # noqa: PLC0415
    from webmail.outbound.tasks import sweep_outbox  # noqa: PLC0415

    rounds = (sweep_outbox, sweep_automatic, sweep_spool, sweep_trusted_domains)
    while not _stop.wait(settings.SWEEP_SECONDS):
        for sweep in rounds:
            close_old_connections()
            try:
                sweep()
            except Exception as error:  # noqa: BLE001  (One of the three places that must survive anything.)
                logger.error(  # noqa: TRY400  (A trace may quote what a row holds.)
                    "event=sweep_failed sweep=%s error=%s", sweep.__name__, type(error).__name__
                )
