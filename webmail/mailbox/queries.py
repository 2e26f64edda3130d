"""Lists of a box: conversations of a folder, letters sent, drafts. Rows come out in pages by key,
newest first.

No permission is asked here: the mailbox came through ``access``. Nothing is decrypted here either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet

from webmail.models import (
    Delivery,
    DeliveryState,
    Folder,
    FolderRole,
    Mailbox,
    Message,
    MessageState,
    Thread,
)

PAGE = 50
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Key:
    """Where a page begins: after the row of this time and id."""

    at: datetime
    pk: int


@dataclass(frozen=True, slots=True)
class Page:
    messages: tuple[Message, ...]
    next: Key | None


@dataclass(frozen=True, slots=True)
class ThreadFacts:
    """What a row says of its conversation beyond its latest message."""

    messages: int
    unseen: int


def list_folder(mailbox: Mailbox, role: FolderRole, before: Key | None = None) -> Page:
    """One row per conversation, by its latest message in this folder; of drafts, one row each."""
    messages = Message.objects.filter(folder=Folder.objects.get(mailbox=mailbox, role=role))
    if role not in {FolderRole.DRAFTS, FolderRole.SENT}:
        newer = Message.objects.filter(thread=OuterRef("thread"), folder=OuterRef("folder")).filter(
            Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
        )
        messages = messages.filter(~Exists(newer))
    return _page(messages.select_related("mailbox"), before)


def _page(messages: QuerySet[Message], before: Key | None) -> Page:
    rows, following = keyed_page(messages, "at", before)
    return Page(tuple(rows), following)


def keyed_page(
    rows: QuerySet[Row], moment: str, before: Key | None
) -> tuple[list[Row], Key | None]:
    """A page of ``rows``, newest first by the column ``moment``, and where the next one begins."""
    if before is not None:
        older = Q(**{f"{moment}__lt": before.at})
        rows = rows.filter(older | Q(**{moment: before.at, "pk__lt": before.pk}))
    found = list(rows.order_by(f"-{moment}", "-pk")[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    following = Key(getattr(last, moment), last.pk) if last is not None else None
    return found[:PAGE], following


def thread_facts(messages: Sequence[Message]) -> dict[int, ThreadFacts]:
    """Per conversation of ``messages``: how many messages it holds and how many nobody has
    opened.
    """
    threads = {message.thread_id for message in messages if message.thread_id}
    counted = (
        Message.objects.filter(thread__in=threads)
        .values("thread")
        .annotate(
            messages=Count("pk"),
            unseen=Count("pk", filter=Q(is_seen=False, state=MessageState.RECEIVED)),
        )
    )
    return {row["thread"]: ThreadFacts(row["messages"], row["unseen"]) for row in counted}


def deliveries_of(messages: Sequence[Message]) -> dict[int, list[Delivery]]:
    """Per message, its deliveries in the order of its recipients."""
    found: dict[int, list[Delivery]] = {}
    rows = Delivery.objects.filter(message__in=[message.pk for message in messages])
    for delivery in rows.select_related("recipient").order_by("recipient__position"):
        found.setdefault(delivery.message_id, []).append(delivery)
    return found


def messages_of(thread: Thread) -> list[Message]:
    """The conversation in the order it happened; drafts are not part of it."""
    return list(
        Message.objects.filter(thread=thread)
        .exclude(state=MessageState.DRAFT)
        .select_related("mailbox", "source", "reading", "folder")
        .prefetch_related("recipients", "attachments")
        .order_by("at", "pk")
    )


def may_still_change(messages: Sequence[Message]) -> bool:
    """Whether some delivery of these may move on by itself, so that an open page keeps asking."""
    final = (DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.TAKEN_IN_CHARGE)
    open_ones = Delivery.objects.filter(message__in=[message.pk for message in messages])
    return open_ones.exclude(state__in=final).exists()


def count_drafts(mailbox: Mailbox) -> int:
    """Those of the folder: what was thrown away lies in the trash."""
    drafts = Message.objects.filter(folder__mailbox=mailbox, folder__role=FolderRole.DRAFTS)
    return drafts.filter(state=MessageState.DRAFT).count()


def count_new(mailbox: Mailbox, role: FolderRole, since: datetime) -> int:
    """Messages that came into the folder after ``since``."""
    return Message.objects.filter(folder__mailbox=mailbox, folder__role=role, at__gt=since).count()
