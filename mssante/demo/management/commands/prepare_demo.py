"""``manage.py prepare_demo``: databases, key, white list, people and static files of one
demonstration operator.

What is there is kept; a second run takes a second or two. It knows the order of preparation,
nothing of mail.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from directory.trust.whitelist import refresh_whitelist


class Command(BaseCommand):
    help = "Prepare the demonstration's operator."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.IS_DEMO:
            raise CommandError("Only the demonstration is prepared so.")
        for alias in settings.DATABASES:
            call_command("migrate", database=alias, verbosity=0, interactive=False)
        if not Path(settings.MASTER_KEY_FILE).exists():
            call_command("create_master_key", verbosity=0)
        for folder in ("queue", "control"):
            (settings.STATE_DIR / "bell" / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        refresh_whitelist()
        call_command("collectstatic", verbosity=0, interactive=False)
        call_command("seed_demo", verbosity=0)
