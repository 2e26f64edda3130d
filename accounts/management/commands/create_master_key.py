"""``manage.py create_master_key``: the key that wraps all others, written once, readable by its
owner only.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.keyring import KeyringError, create_master_key


class Command(BaseCommand):
    help = "Create the master key file. An existing one is never replaced."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        path = Path(settings.MASTER_KEY_FILE)
        try:
            create_master_key(path)
        except (KeyringError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Master key written to {path}. Back it up apart from the database.")
