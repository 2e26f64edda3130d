"""THE door: may this person have this object, now, with this right? Each function returns the
object or raises 404.

Unknown and forbidden look the same from outside. It knows rights and rows; it opens no content and
changes nothing but the trail.
"""

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from webmail.models import (
    Attachment,
    Delivery,
    LetterRun,
    Mailbox,
    MailboxAccess,
    MailboxStatus,
    Message,
    MessageState,
    Right,
    Thread,
)


def _grants(user: User, right: Right) -> QuerySet[MailboxAccess]:
    now = timezone.now()
    return MailboxAccess.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        user=user,
        user__is_active=True,
        mailbox__status=MailboxStatus.ACTIVE,
        **{right: True},
    )


def mailboxes_of(user: User, right: Right = Right.READ) -> list[Mailbox]:
    """The boxes on which ``user`` holds ``right`` now: the ones they hold first, then by name."""
    boxes = [grant.mailbox for grant in _grants(user, right).select_related("mailbox")]
    return sorted(boxes, key=lambda box: (box.holder_id != user.pk, box.name, box.pk))


def has_right(user: User, mailbox_id: int, right: Right) -> bool:
    return _grants(user, right).filter(mailbox_id=mailbox_id).exists()


def access_mailbox(user: User, mailbox_id: int, right: Right = Right.READ) -> Mailbox:
    grant = _grants(user, right).filter(mailbox_id=mailbox_id).select_related("mailbox").first()
    if grant is None:
        raise Http404
    return grant.mailbox


def access_thread(user: User, thread_id: int, right: Right = Right.READ) -> Thread:
    thread = Thread.objects.filter(pk=thread_id).select_related("mailbox").first()
    if thread is None or not has_right(user, thread.mailbox_id, right):
        raise Http404
    return thread


def access_message(
    user: User, message_id: int, right: Right = Right.READ, *, note: Event | None = None
) -> Message:
    """The message; with ``note``, the access leaves that event in the trail (reading, downloading
    the source).
    """
    message = (
        Message.objects.filter(pk=message_id)
        .exclude(state__in=(MessageState.DRAFT, MessageState.AUTOMATIC))
        .select_related("mailbox", "source", "reading", "folder")
        .first()
    )
    if message is None or not has_right(user, message.mailbox_id, right):
        raise Http404
    if note is not None:
        record_event(note, actor=user, mailbox_id=message.mailbox_id, message_id=message.pk)
    return message


def access_delivery(user: User, delivery_id: int, right: Right = Right.SEND) -> Delivery:
    """One recipient's copy of a letter that a box of ``user``'s sent."""
    delivery = (
        Delivery.objects.filter(pk=delivery_id)
        .select_related("mailbox", "recipient", "message__mailbox")
        .first()
    )
    if delivery is None or delivery.mailbox_id is None:
        raise Http404  # What a machine wrote is nobody's.
    if not has_right(user, delivery.mailbox_id, right):
        raise Http404
    return delivery


def access_run(user: User, run_id: int, right: Right = Right.READ) -> LetterRun:
    run = LetterRun.objects.filter(pk=run_id).select_related("mailbox", "author").first()
    if run is None or not has_right(user, run.mailbox_id, right):
        raise Http404
    return run


def access_draft(user: User, message_id: int) -> Message:
    """A draft of a box in which ``user`` may prepare letters."""
    draft = (
        Message.objects.filter(pk=message_id, state=MessageState.DRAFT)
        .select_related("mailbox", "folder")
        .first()
    )
    if draft is None or not has_right(user, draft.mailbox_id, Right.PREPARE):
        raise Http404
    return draft


def find_written(user: User, message_id: int, compose_key: str) -> Message | None:
    """The letter a writing page made already, draft or sent: by its number, else by the page's key.

    The key also finds it when the number is gone: a draft that moved to another box has a new one,
    and the page may have missed the answer that said so.
    """
    letters = Message.objects.filter(state__in=(MessageState.DRAFT, MessageState.SENT))
    letters = letters.select_related("mailbox", "folder")
    found = [*letters.filter(pk=message_id)] if message_id else []
    if compose_key:
        found += letters.filter(compose_key=compose_key)
    may_write = (one for one in found if has_right(user, one.mailbox_id, Right.PREPARE))
    return next(may_write, None)


def access_draft_file(draft: Message, attachment_id: int) -> Attachment:
    """A file of a draft that itself came through this door."""
    attachment = draft.attachments.filter(pk=attachment_id).select_related("blob").first()
    if attachment is None:
        raise Http404
    return attachment


def access_attachment(user: User, attachment_id: int) -> Attachment:
    """A file of a message or of a draft; taking it leaves its trace."""
    attachment = (
        Attachment.objects.filter(pk=attachment_id)
        .select_related("message__mailbox", "blob")
        .first()
    )
    if attachment is None:
        raise Http404
    message = attachment.message
    right = Right.PREPARE if message.state == MessageState.DRAFT else Right.READ
    if not has_right(user, message.mailbox_id, right):
        raise Http404
    record_event(
        Event.MAILBOX_ATTACHMENT_DOWNLOADED,
        actor=user,
        mailbox_id=message.mailbox_id,
        message_id=message.pk,
    )
    return attachment
