"""A parser that some letters kill: it stands before the product's own in the sites that fault tests
break, and lets every other letter through.
"""

import os
import signal
import time

from django.apps import AppConfig

RAISE, LOOP, EAT, DIE = b"POISON-RAISE", b"POISON-LOOP", b"POISON-EAT", b"POISON-DIE"


class PoisonConfig(AppConfig):
    name = "tests.faults"
    label = "faults"

    def ready(self):
        from webmail.inbound import pipeline, tasks
        from webmail.mime.parse import parse_message

        def parse(raw):
            take_poison(raw)
            return parse_message(raw)

        pipeline.__dict__["parse_message"] = parse
        # What a site waits for a minute, a test waits for a second.
        pipeline._RETRY_SECONDS = tasks._RING_AGAIN_SECONDS = 1


def take_poison(raw):
    if RAISE in raw:
        raise RecursionError
    if DIE in raw:
        os.kill(os.getpid(), signal.SIGKILL)
    end = time.monotonic() + 120
    while LOOP in raw and time.monotonic() < end:
        pass
    if EAT in raw:
        eaten = []
        while time.monotonic() < end:
            eaten.append(b"x" * 50_000_000)
