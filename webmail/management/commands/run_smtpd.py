"""``manage.py run_smtpd``: the listener for peers, until SIGTERM or SIGINT. It knows the process,
no message.
"""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand

from webmail.inbound.server import serve_until


class Command(BaseCommand):
    help = "Listen for mail from the trust space."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if settings.IS_PRODUCTION:
            self.check(tags=["start"], include_deployment_checks=True, fail_level=checks.ERROR)
        asyncio.run(_serve())


async def _serve() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve_until(stop, settings.SMTP_LISTEN_HOST, settings.SMTP_LISTEN_PORT)
