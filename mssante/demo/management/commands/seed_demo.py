"""``manage.py seed_demo``: people and letters for the demonstration's operator, once.

It knows which operator the settings name, nothing of letters.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation

from mssante.demo.operators import BY_KEY
from mssante.demo.seeding import seed_operator


class Command(BaseCommand):
    help = "Fill the demonstration's operator with people and letters, unless they are there."
    requires_system_checks = []

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises ``CommandError`` anywhere but in the demonstration: these passwords are public."""
        if not settings.IS_DEMO:
            raise CommandError("Only the demonstration is filled with invented people.")
        with translation.override(settings.LANGUAGE_CODE):
            report = seed_operator(BY_KEY[settings.OPERATOR_KEY], now=timezone.now())
        if options["verbosity"]:
            self.stdout.write(
                f"{report.people} people, {report.mailboxes} mailboxes, {report.messages} messages."
            )
