"""``manage.py send_letters LIST --mailbox … --actor …``: a run of letters from a list. It knows
arguments and words; ``outbound.runs`` knows the rest.
"""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from webmail.mime.addresses import normalise_address
from webmail.models import Mailbox
from webmail.outbound.posting import SubmitError
from webmail.outbound.runs import (
    PORTION,
    Entry,
    Fault,
    NoRightError,
    begin_run,
    check_entries,
    read_list,
    send_entries,
)

_MOST_FAULTS_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Send a run of letters. LIST holds one JSON object a line: key, to, subject, text, and "
        "maybe cc and files (paths below the list's folder). The same list again sends only what "
        "is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("list", type=Path, help="the list, JSON Lines in UTF-8")
        parser.add_argument("--mailbox", required=True, help="address of the box that sends")
        parser.add_argument("--actor", required=True, help="user name of who sends")
        parser.add_argument("--label", help="name of the run; the list's file name by default")
        parser.add_argument("--check", action="store_true", help="read and check, send nothing")
        parser.add_argument("--json", action="store_true", help="the result as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        mailbox = Mailbox.objects.filter(address=normalise_address(options["mailbox"])).first()
        if mailbox is None:
            raise CommandError("No box has this address.")
        actor = User.objects.filter(username=options["actor"], is_active=True).first()
        if actor is None:
            raise CommandError("Nobody has this user name.")
        entries = self._read(options["list"])
        if options["check"]:
            self._tell({"letters": len(entries), "sent": 0, "run": None}, as_json=options["json"])
            return
        label = options["label"] or options["list"].name
        try:
            run = begin_run(mailbox, actor, label, expected=len(entries))
            sent = self._send(run, actor, entries)
        except NoRightError:
            raise CommandError("This person may not send in this box.") from None
        except SubmitError as error:
            # Checked a moment ago: the white list or a right changed meanwhile.
            raise CommandError(f"Stopped: {error}. The same command goes on from here.") from None
        result = {"letters": len(entries), "sent": sent, "run": run.pk}
        self._tell(result, as_json=options["json"])

    def _read(self, path: Path) -> list[Entry]:
        try:
            entries, faults = read_list(path)
        except (OSError, UnicodeDecodeError):
            raise CommandError("The list cannot be read: a file in UTF-8 is needed.") from None
        faults = sorted([*faults, *check_entries(entries)], key=lambda fault: fault.line)
        if faults:
            shown = [_words(fault) for fault in faults[:_MOST_FAULTS_SHOWN]]
            if len(faults) > len(shown):
                shown.append(f"… and {len(faults) - len(shown)} more.")
            raise CommandError("\n".join(["Nothing was sent. Correct the list:", *shown]))
        if not entries:
            raise CommandError("The list is empty.")
        return entries

    def _send(self, run: Any, actor: User, entries: list[Entry]) -> int:
        sent = done = 0
        for count in send_entries(run, actor, entries):
            sent += count
            done = min(done + PORTION, len(entries))
            if done % 1000 == 0:
                self.stderr.write(f"{done} of {len(entries)}")
        return sent

    def _tell(self, result: Mapping[str, int | None], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result))
        else:
            self.stdout.write(f"{result['letters']} letters in the list, {result['sent']} sent.")


def _words(fault: Fault) -> str:
    field = f" ({fault.field})" if fault.field else ""
    return f"line {fault.line}: {fault.reason}{field}"
