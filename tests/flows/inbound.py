"""What the stories of the incoming road share: waiting for threads, the spool's files, the worker's
turn.
"""

import re
import time
from pathlib import Path

from django.conf import settings

from tests.factories.letters import MARTIN, PETIT, make_letter
from webmail.inbound.tasks import drain_spool
from webmail.models import InboundMessage


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


def send_letter(wire, raw=None, *recipients, sender=PETIT):
    wire.open_data(sender, *(recipients or (MARTIN,)))
    raw = raw if raw is not None else make_letter()
    wire.send(re.sub(rb"(?m)^\.", b"..", raw) + b".\r\n")
    return wire.last()


def nothing_is_kept():
    return not InboundMessage.objects.exists() and not spool_files()
