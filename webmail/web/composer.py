"""The writing page: a draft is saved as it is typed, files are kept at once, sending goes through
``submit``.

One plain form does it all without a script. Whatever goes wrong, what was typed is on the server
and on the page again.
"""

import secrets
from collections.abc import Sequence

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from webmail.mailbox.access import (
    access_draft,
    access_draft_file,
    access_mailbox,
    find_written,
    mailboxes_of,
)
from webmail.mailbox.kinds import FolderRole, Mailbox, Message, MessageState, Right
from webmail.mime.compose import encoded_size
from webmail.mime.text import clean_file_name
from webmail.outbound.addressing import Problem
from webmail.outbound.drafts import (
    DraftGoneError,
    DraftText,
    UploadedPart,
    attach_files,
    create_draft,
    detach_file,
    discard_draft,
    draft_text,
    move_draft,
    save_draft,
)
from webmail.outbound.submit import AlreadySentError, SubmitError, submit_draft
from webmail.web.answers import answer_text
from webmail.web.forms import ComposeForm, problem_sentence
from webmail.web.messages import show_file
from webmail.web.shell import folder_url, for_staff, make_shell
from webmail.web.times import sentence_time, size_text
from webmail.web.uploads import TOO_BIG


@require_http_methods(["GET", "POST"])
@for_staff
def compose(request: HttpRequest, user: User) -> HttpResponse:
    boxes = mailboxes_of(user, Right.PREPARE)
    if not boxes:
        raise Http404
    if request.method == "POST":
        return _posted(request, user, boxes)
    return _opened(request, user, boxes)


@require_POST
@for_staff
def compose_save(request: HttpRequest, user: User) -> HttpResponse:
    """Autosave: the form's text without its files. Answers {draft, saved, error}."""
    boxes = mailboxes_of(user, Right.PREPARE)
    if not boxes:
        raise Http404
    form = ComposeForm(request.POST, boxes=boxes)
    try:
        draft = _keep_text(request, user, boxes, form)
    except DraftGoneError:
        gone = _("This letter was sent or discarded in another window.")
        return JsonResponse({"draft": "", "saved": "", "error": gone}, status=409)
    return JsonResponse({"draft": str(draft.pk), "saved": _saved(draft), "error": ""})


def _opened(request: HttpRequest, user: User, boxes: list[Mailbox]) -> HttpResponse:
    """A new letter, an answer (``repondre``), or a draft taken up again (``brouillon``)."""
    draft: Message | None = None
    mailbox = _chosen(request.GET.get("de", ""), boxes) or boxes[0]
    text = DraftText(to=request.GET.get("a", ""))
    if wanted := request.GET.get("brouillon", ""):
        draft = access_draft(user, _number(wanted))
        mailbox, text = draft.mailbox, draft_text(draft)
    elif answered := request.GET.get("repondre", ""):
        mailbox, text = answer_text(user, _number(answered), to_all="tous" in request.GET)
        mailbox = access_mailbox(user, mailbox.pk, Right.PREPARE)
    form = ComposeForm(
        initial={
            "mailbox": mailbox.pk,
            "to": text.to,
            "cc": text.cc,
            "subject": text.subject,
            "body": text.body,
        },
        boxes=boxes,
    )
    return _page(request, user, mailbox, form, draft, in_reply_to=text.in_reply_to)


def _posted(request: HttpRequest, user: User, boxes: list[Mailbox]) -> HttpResponse:
    written = _written(request, user)
    if written is not None and written.state == MessageState.SENT:
        # Sent already by an earlier click on the same page: the answer is that letter, not a second
        # one.
        return _to_letter(written)
    form = ComposeForm(request.POST, request.FILES, boxes=boxes)
    form.is_valid()
    try:
        draft = _keep_text(request, user, boxes, form)
        attach_files(draft, _uploaded(request))
        return _act(request, user, draft, form)
    except (DraftGoneError, AlreadySentError):
        return _overtaken(request, user, boxes, form)


def _overtaken(
    request: HttpRequest, user: User, boxes: list[Mailbox], form: ComposeForm
) -> HttpResponse:
    """Somebody was faster in another window: the letter if they sent it, else what was typed here,
    in a draft again.
    """
    gone = _("This letter was sent or discarded in another window.")
    draft = _written(request, user)
    if draft is not None and draft.state == MessageState.SENT:
        return _to_letter(draft)
    if request.POST.get("action") == "discard":
        messages.error(request, gone)
        return redirect("inbox")
    if draft is None:
        mailbox = _chosen(request.POST.get("mailbox", ""), boxes) or boxes[0]
        text = form.draft_text(in_reply_to=_answered(request))
        draft = create_draft(mailbox, user, text, compose_key=_key(request))
        attach_files(draft, _uploaded(request))
    form.add_error(None, gone)
    return _page(request, user, draft.mailbox, form, draft, status=409)


def _act(request: HttpRequest, user: User, draft: Message, form: ComposeForm) -> HttpResponse:
    """What the button asks for; without one (a script, the Enter key of a browser) the letter is
    sent.
    """
    mailbox = draft.mailbox
    if part := request.POST.get("remove"):
        detach_file(draft, access_draft_file(draft, _number(part)))
        return _page(request, user, mailbox, form, draft)
    action = request.POST.get("action", "send")
    if action == "discard":
        discard_draft(draft, user)
        messages.success(request, _("Draft discarded."))
        return redirect(folder_url(mailbox, FolderRole.INBOX))
    if request.META.get(TOO_BIG):
        form.add_error("attachments", problem_sentence("upload_too_big"))
    if action == "save" and not form.errors:
        messages.success(request, _("Draft saved."))
        return redirect(f"{reverse('compose')}?brouillon={draft.pk}")
    if action == "send" and not form.errors:
        try:
            return _to_letter(submit_draft(draft, user))
        except SubmitError as refused:
            _tell(form, refused.problems)
    return _page(request, user, mailbox, form, draft, status=422)


def _to_letter(letter: Message) -> HttpResponse:
    address = reverse("thread", args=[letter.thread_id])
    return redirect(f"{address}?dossier=sent&lettre={letter.pk}#message-{letter.pk}")


def _tell(form: ComposeForm, problems: Sequence[Problem]) -> None:
    for problem in problems:
        field = problem.field if problem.field in form.fields else None
        form.add_error(field, problem_sentence(problem.reason, problem.piece))


def _written(request: HttpRequest, user: User) -> Message | None:
    number = request.POST.get("draft", "")
    return find_written(user, _number(number) if number else 0, _key(request))


def _key(request: HttpRequest) -> str:
    return request.POST.get("key", "")[:64]


def _answered(request: HttpRequest) -> int:
    answered = request.POST.get("in_reply_to", "")
    return _number(answered) if answered.isdecimal() else 0


def _keep_text(
    request: HttpRequest, user: User, boxes: list[Mailbox], form: ComposeForm
) -> Message:
    """The draft with what the form holds now: the page's own draft, or a new one. Raises
    ``DraftGoneError``.
    """
    mailbox = _chosen(request.POST.get("mailbox", ""), boxes)
    text = form.draft_text(in_reply_to=_answered(request))
    draft = _written(request, user)
    if draft is None:
        if request.POST.get("draft"):
            raise DraftGoneError
        try:
            return create_draft(mailbox or boxes[0], user, text, compose_key=_key(request))
        except IntegrityError:
            # Autosave and a click, at the same moment, from one page: one of them made the draft.
            draft = _written(request, user)
            if draft is None:
                raise
    if draft.state != MessageState.DRAFT:
        raise DraftGoneError
    if mailbox is not None and draft.mailbox_id != mailbox.pk:
        draft = move_draft(draft, mailbox, user)
    return save_draft(draft, text)


def _uploaded(request: HttpRequest) -> list[UploadedPart]:
    files = request.FILES.getlist("attachments")
    for file in files:
        # They may have been read once, for a draft that went away meanwhile.
        file.seek(0)
    return [
        UploadedPart(
            name=clean_file_name(file.name or ""),
            content_type=file.content_type or "application/octet-stream",
            content=file.read(),
        )
        for file in files
    ]


def _page(
    request: HttpRequest,
    user: User,
    mailbox: Mailbox,
    form: ComposeForm,
    draft: Message | None,
    *,
    in_reply_to: int | None = None,
    status: int = 200,
) -> HttpResponse:
    parts = list(draft.attachments.select_related("message__mailbox")) if draft else []
    limit = settings.MESSAGE_SIZE_LIMIT_OUT
    if in_reply_to is None:
        in_reply_to = draft_text(draft).in_reply_to if draft else 0
    context = {
        "shell": make_shell(user, mailbox, current="compose"),
        "form": form,
        "draft_id": str(draft.pk) if draft else "",
        "key": request.POST.get("key") or secrets.token_hex(16),
        "files": tuple(show_file(part, is_draft=True) for part in parts),
        "stored_bytes": encoded_size("", [part.size for part in parts]) if parts else 0,
        "saved": _saved(draft) if draft else "",
        "save_url": reverse("compose_save"),
        "limit_bytes": limit,
        "limit_text": size_text(limit),
        "reply_to": str(in_reply_to or ""),
    }
    return render(request, "webmail/compose.html", context, status=status)


def _saved(draft: Message) -> str:
    return _("Saved %(time)s") % {"time": sentence_time(draft.at)}


def _chosen(number: str, boxes: list[Mailbox]) -> Mailbox | None:
    """The box asked for, if it is one the person may write from."""
    return next((box for box in boxes if str(box.pk) == number), None)


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:  # noqa: PLR2004  (Longer than any row's number.)
        raise Http404
    return int(text)
