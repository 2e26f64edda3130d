"""Fills one operator of the demonstration: its people, their boxes, and a few weeks of letters.

Everything goes through the verbs that real mail uses, with moments of the past; nothing is sent and
nothing rings. All of it is one transaction: people without their letters are never seen.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User, UserKind
from mssante.demo.conversations import keep_draft, keep_sent, receive
from mssante.demo.letters import DRAFTS, LETTERS
from mssante.demo.operators import Operator
from mssante.demo.people import SHARED_BOXES, Box, Person, people_of
from mssante.demo.written import write_letters
from webmail.mailbox.opening import open_mailbox
from webmail.models import Mailbox, MailboxAccess, MailboxKind, Message

_PROFESSIONALS = frozenset({"doctor", "nurse", "biologist"})


@dataclass(frozen=True, slots=True)
class SeedReport:
    """How much was written; all zero when the people were there already."""

    people: int = 0
    mailboxes: int = 0
    messages: int = 0


@transaction.atomic
def seed_operator(operator: Operator, *, now: datetime) -> SeedReport:
    """People, boxes and history of ``operator``, told backwards from ``now``.

    Does nothing when one of its people exists: what somebody did since is theirs.
    """
    people = people_of(operator)
    if User.objects.filter(username__in=[person.login for person in people]).exists():
        return SeedReport()
    users = {person.login: _create_user(person) for person in people}
    boxes = _open_boxes(operator, users)
    _grant(people, users, boxes)
    count = _tell_history(boxes, users, now=timezone.localtime(now))
    return SeedReport(people=len(users), mailboxes=len(boxes), messages=count)


def _create_user(person: Person) -> User:
    is_admin = person.role == "admin"
    return User.objects.create_user(
        person.login,
        password=person.password,
        first_name=person.first_name,
        last_name=person.last_name,
        title=person.title,
        profession=person.profession,
        national_id=person.national_id,
        kind=_kind(person),
        is_staff=is_admin,
        is_superuser=is_admin,
    )


def _kind(person: Person) -> UserKind:
    if person.role in _PROFESSIONALS:
        return UserKind.PROFESSIONAL
    return UserKind.PATIENT if person.role == "patient" else UserKind.STAFF


def _open_boxes(operator: Operator, users: dict[str, User]) -> dict[str, Mailbox]:
    """Every box of the operator by its key; a shared one has no holder."""
    wanted: list[tuple[Box, User | None]] = [
        (box, users[person.login]) for person in people_of(operator) for box in person.boxes
    ]
    wanted += [(box, None) for box in SHARED_BOXES[operator.key]]
    return {
        box.key: open_mailbox(
            box.address(operator), kind=MailboxKind(box.kind), name=box.name, holder=holder
        )
        for box, holder in wanted
    }


def _grant(people: tuple[Person, ...], users: dict[str, User], boxes: dict[str, Mailbox]) -> None:
    MailboxAccess.objects.bulk_create(
        MailboxAccess(
            mailbox=boxes[access.box],
            user=users[person.login],
            can_read="read" in access.rights,
            can_file="file" in access.rights,
            can_prepare="prepare" in access.rights,
            can_send="send" in access.rights,
        )
        for person in people
        for access in person.accesses
    )


def _tell_history(boxes: dict[str, Mailbox], users: dict[str, User], *, now: datetime) -> int:
    """Each letter at its moment, on the sides that are ours; then the drafts."""
    senders = _senders(boxes)
    before = Message.objects.count()
    for written in write_letters(LETTERS, now=now):
        author = boxes.get(written.letter.author)
        if author is not None:
            keep_sent(author, written, sender=senders[author.pk])
        for key in (*written.letter.to, *written.letter.cc):
            if key in boxes:
                receive(boxes[key], written, key=key, is_local=author is not None)
    for draft in DRAFTS:
        if draft.box in boxes:
            keep_draft(boxes[draft.box], draft, writer=users[draft.writer], now=now)
    return Message.objects.count() - before


def _senders(boxes: dict[str, Mailbox]) -> dict[int, User]:
    """Who pressed «send» for each box: its holder, else the person who may."""
    grants = MailboxAccess.objects.filter(mailbox__in=boxes.values(), can_send=True)
    return {grant.mailbox_id: grant.user for grant in grants.select_related("user")}
