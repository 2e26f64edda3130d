"""What the stories of the incoming road share: waiting for threads, the spool's files, the worker's
turn.
"""

import time
from pathlib import Path

from django.conf import settings

from webmail.inbound.tasks import drain_spool


def wait_for(question, *, seconds=10.0):
    """Ask until the answer is true; fails when it never is."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
    return answer


def spool_files():
    folder = Path(settings.SPOOL_DIR)
    return sorted(folder.iterdir()) if folder.exists() else []


def process_all():
    """The worker's turn, for every row there is."""
    drain_spool()
