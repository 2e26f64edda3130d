"""What the writing page posts becomes the draft: found by its number or the page's key, kept unless
another window was faster.

It knows requests and drafts; it renders nothing, words nothing and sends nothing.
"""

from dataclasses import dataclass

from django.db import IntegrityError
from django.http import Http404, HttpRequest

from accounts.models import User
from webmail.mailbox.access import find_written
from webmail.mailbox.kinds import Mailbox, Message, MessageState
from webmail.mime.text import clean_file_name
from webmail.outbound.draft_places import is_discarded, move_draft
from webmail.outbound.drafts import (
    DraftChangedError,
    DraftGoneError,
    NoRoomError,
    UploadedPart,
    attach_files,
    create_draft,
    is_left_by,
    save_draft,
)
from webmail.web.forms import ComposeForm
from webmail.web.uploads import TOO_BIG

_ATTEMPTS = 3
_LONGEST_NUMBER = 18  # Digits; longer than any row's number.
_UNKNOWN_VERSION = -1


@dataclass(frozen=True, slots=True)
class Kept:
    draft: Message
    refused: str = ""  # Why the files posted are not in it: the reason of a problem.


def keep_posted(request: HttpRequest, user: User, boxes: list[Mailbox], form: ComposeForm) -> Kept:
    """The draft with what the form holds now: the page's own draft, or a new one.

    The text is kept even when the files are not. Raises ``DraftGoneError`` or
    ``DraftChangedError`` when another window was faster: nothing is written then.
    """
    for _attempt in range(_ATTEMPTS - 1):
        try:
            return _keep(request, user, boxes, form)
        except (IntegrityError, DraftChangedError):
            # Autosave and a click, at the same moment, from one page: one of them made, moved or
            # saved the draft. Found again, it is seen whose work it is.
            continue
    return _keep(request, user, boxes, form)


def _keep(request: HttpRequest, user: User, boxes: list[Mailbox], form: ComposeForm) -> Kept:
    text = form.draft_text(in_reply_to=answered(request))
    chosen, key, files = chosen_box(request, boxes), page_key(request), uploaded(request)
    refused = "upload_too_big" if request.META.get(TOO_BIG) else ""
    draft = find_posted(request, user)
    if draft is None:
        if request.POST.get("draft"):
            raise DraftGoneError
        draft = create_draft(chosen or boxes[0], user, text, compose_key=key)
        if not files:
            return Kept(draft, refused)
        replaced: int | None = draft.version
    else:
        replaced = _replaced_version(request, draft)
    try:
        if chosen is not None and draft.mailbox_id != chosen.pk:
            draft = move_draft(draft, chosen, user, writer=key)
        attach_files(draft, files, version=None if replaced is None else draft.version)
    except NoRoomError as error:
        refused = error.reason
    # Saved last: the version it makes is what the page knows, files and all.
    version = None if replaced is None else draft.version
    return Kept(save_draft(draft, text, version=version, writer=key), refused)


def _replaced_version(request: HttpRequest, draft: Message) -> int | None:
    """The version the page may write over; ``None`` for a post that knows none (a script): it may
    write over any.
    """
    if draft.state != MessageState.DRAFT:
        raise DraftGoneError
    posted = posted_version(request)
    if posted is None:
        if is_discarded(draft):
            raise DraftChangedError
        return None
    # The answer of this page's own last save may have been lost on the way.
    is_own = not is_discarded(draft) and is_left_by(draft, page_key(request))
    if posted != draft.version and not is_own:
        raise DraftChangedError
    return draft.version


def find_posted(request: HttpRequest, user: User) -> Message | None:
    """The letter this page made already, draft or sent."""
    text = request.POST.get("draft", "")
    return find_written(user, number(text) if text else 0, page_key(request))


def page_key(request: HttpRequest) -> str:
    return request.POST.get("key", "")[:64]


def posted_version(request: HttpRequest) -> int | None:
    """The version the page shows, or the one its person decided to write over (``keep``)."""
    text = request.POST.get("keep") or request.POST.get("version")
    if text is None:
        return None
    is_number = text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else _UNKNOWN_VERSION


def answered(request: HttpRequest) -> int:
    text = request.POST.get("in_reply_to", "")
    return number(text) if text.isdecimal() else 0


def chosen_box(request: HttpRequest, boxes: list[Mailbox]) -> Mailbox | None:
    """The box asked for, if it is one the person may write from."""
    return box_of(request.POST.get("mailbox", ""), boxes)


def box_of(text: str, boxes: list[Mailbox]) -> Mailbox | None:
    return next((box for box in boxes if str(box.pk) == text), None)


def uploaded(request: HttpRequest) -> list[UploadedPart]:
    files = request.FILES.getlist("attachments")
    for file in files:
        # They may have been read once, for a draft that another window took.
        file.seek(0)
    return [
        UploadedPart(
            name=clean_file_name(file.name or ""),
            content_type=file.content_type or "application/octet-stream",
            content=file.read(),
        )
        for file in files
    ]


def number(text: str) -> int:
    if not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise Http404
    return int(text)
