"""A run of letters from a list: what the list says is checked whole, then sent in portions, and the
same list again sends only what is missing.

Lines of text come in, letters go to ``submit``; it knows no peer and words nothing for pages.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from webmail.mailbox.access import has_right
from webmail.mime.types import OutgoingAttachment
from webmail.models import LetterRun, Mailbox, Message, Right
from webmail.outbound.addressing import read_addressees
from webmail.outbound.drafts import DraftText
from webmail.outbound.posting import size_problems
from webmail.outbound.submit import OwnLetter, submit_letters
from webmail.store.sealed import open_text, seal_text

PORTION: Final = 25  # Letters of one transaction.
_FIELDS: Final = frozenset({"key", "to", "cc", "subject", "text", "files"})
_TYPES: Final = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".zip": "application/zip",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list. ``files`` are paths that exist, beside the list or below."""

    line: int
    key: str
    text: DraftText
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line cannot be sent: its number, a slug, and the field meant. No address, no text."""

    line: int
    reason: str
    field: str = ""


class NoRightError(Exception):
    """Whoever asks may not send in this box."""


def read_list(path: Path) -> tuple[list[Entry], list[Fault]]:
    """JSON Lines: ``{"key", "to", "subject", "text", "cc"?, "files"?}`` on each.

    Every line is read, so that all faults are known at once. Raises ``OSError`` for a list that
    cannot be read.
    """
    entries: list[Entry] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        found = _read_line(number, line, path.parent)
        if isinstance(found, Entry) and found.key in seen:
            found = Fault(number, "key_twice", "key")
        if isinstance(found, Fault):
            faults.append(found)
        else:
            seen.add(found.key)
            entries.append(found)
    return entries, faults


def _read_line(number: int, line: str, folder: Path) -> Entry | Fault:
    try:
        values: Any = json.loads(line)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return Fault(number, "not_json")
    if unknown := sorted(set(values) - _FIELDS):
        return Fault(number, "unknown_field", unknown[0][:40])
    texts = {name: values.get(name, "") for name in ("key", "to", "subject", "text", "cc")}
    for name, value in texts.items():
        if not isinstance(value, str) or (name != "cc" and not value.strip()):
            return Fault(number, "missing", name)
    names = values.get("files", [])
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        return Fault(number, "not_a_list", "files")
    files = tuple((folder / one).resolve() for one in names)
    if not all(one.is_relative_to(folder.resolve()) and one.is_file() for one in files):
        return Fault(number, "no_such_file", "files")
    text = DraftText(to=texts["to"], cc=texts["cc"], subject=texts["subject"], body=texts["text"])
    return Entry(number, texts["key"].strip(), text, files)


def check_entries(entries: Sequence[Entry]) -> list[Fault]:
    """What stands against sending each, as for any letter: addresses, sizes."""
    faults = []
    for entry in entries:
        sizes = [file.stat().st_size for file in entry.files]
        problems = [*read_addressees(entry.text).problems, *size_problems(entry.text, sizes)]
        faults += [Fault(entry.line, problem.reason, problem.field) for problem in problems]
    return faults


@transaction.atomic
def begin_run(mailbox: Mailbox, actor: User, label: str, *, expected: int) -> LetterRun:
    """The run named ``label`` in this box: a new one, or the one begun before. Raises
    ``NoRightError``.
    """
    if not has_right(actor, mailbox.pk, Right.SEND):
        raise NoRightError
    key = hashlib.sha256(label.encode()).hexdigest()
    run, is_new = LetterRun.objects.get_or_create(
        mailbox=mailbox,
        key=key,
        defaults={
            "author": actor,
            "sealed_label": seal_text(mailbox, "label", label),
            "expected": expected,
        },
    )
    if is_new:
        record_event(
            Event.MAILBOX_RUN_BEGUN, actor=actor, mailbox_id=mailbox.pk, detail={"run": run.pk}
        )
    elif run.expected != expected:
        LetterRun.objects.filter(pk=run.pk).update(expected=expected)
    return run


def label_of(run: LetterRun) -> str:
    return open_text(run.mailbox, "label", run.sealed_label)


def send_entries(run: LetterRun, actor: User, entries: Sequence[Entry]) -> Iterator[int]:
    """Send what of ``entries`` was not sent yet; after each portion, how many letters it sent.

    A portion is sent whole or not at all. Raises ``SubmitError`` and ``OSError``; what was sent
    before stays sent, and the same call goes on from there.
    """
    for first in range(0, len(entries), PORTION):
        portion = entries[first : first + PORTION]
        keys = {_key(run, entry): entry for entry in portion}
        sent = Message.objects.filter(mailbox=run.mailbox, compose_key__in=keys)
        known = set(sent.values_list("compose_key", flat=True))
        letters = [_letter(key, entry) for key, entry in keys.items() if key not in known]
        yield len(submit_letters(run.mailbox, actor, letters, run=run)) if letters else 0


def _key(run: LetterRun, entry: Entry) -> str:
    return hashlib.sha256(f"{run.pk}/{entry.key}".encode()).hexdigest()


def _letter(key: str, entry: Entry) -> OwnLetter:
    files = tuple(
        OutgoingAttachment(
            file.name,
            _TYPES.get(file.suffix.lower(), "application/octet-stream"),
            file.read_bytes(),
        )
        for file in entry.files
    )
    return OwnLetter(key, entry.text, files)
