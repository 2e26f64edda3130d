"""Load a white list by hand: from a file, or from the source that the settings name. It prints
counts, never an entry.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from directory.trust.whitelist import (
    WhitelistError,
    WhitelistFault,
    load_whitelist,
    read_source,
)

EXPLANATIONS = {
    WhitelistFault.UNREADABLE: "The file cannot be read.",
    WhitelistFault.MALFORMED: "This is no white list, or one that is broken or too large.",
    WhitelistFault.SIGNATURE: "The signature is missing, in another form, or wrong.",
    WhitelistFault.SIGNER: "Its signer may not sign it (anchors, WHITELIST_SIGNER_CN).",
    WhitelistFault.SIGNER_UNKNOWN: "Nothing tells whether its signer is revoked (TRUST_CRL_DIR).",
    WhitelistFault.EMPTY: "The list has no readable entry.",
    WhitelistFault.FUTURE: "The list is dated in the future: look at the clock of this machine.",
    WhitelistFault.ROLLBACK: "The list is older than the active one.",
    WhitelistFault.CONCURRENT: "Another process was loading a list at the same time; try again.",
}


class Command(BaseCommand):
    help = "Verify a published white list and make it the active one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", nargs="?", type=Path, help="The list; by default the source of the settings."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        path = options["file"] or Path(settings.WHITELIST_SOURCE)
        try:
            snapshot = load_whitelist(read_source(path))
        except WhitelistError as error:
            explanation = EXPLANATIONS.get(error.reason, "The list is refused.")
            raise CommandError(f"{explanation} [{error.reason.value}]") from error
        self.stdout.write(
            f"White list {snapshot.version} is active: {snapshot.entry_count} entries, "
            f"{snapshot.domain_count} domains, generated {snapshot.generated_at.isoformat()}."
        )
