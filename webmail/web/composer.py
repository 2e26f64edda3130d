"""The writing page: a draft is saved as it is typed, files are kept at once, sending goes through
``submit``.

One plain form does it all without a script. Whatever goes wrong, what was typed is on the server
or on the page again. How a post becomes the draft is ``keeping``'s business, the page ``sheet``'s.
"""

import secrets
from collections.abc import Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from webmail.mailbox.access import access_draft, access_draft_file, access_mailbox, mailboxes_of
from webmail.mailbox.kinds import FolderRole, Mailbox, Message, MessageState, Right
from webmail.outbound.addressing import Problem
from webmail.outbound.draft_places import (
    delete_draft,
    discard_draft,
    is_discarded,
    restore_draft,
)
from webmail.outbound.drafts import (
    DraftChangedError,
    DraftGoneError,
    DraftText,
    NoRoomError,
    attach_files,
    create_draft,
    detach_file,
    draft_text,
)
from webmail.outbound.submit import AlreadySentError, SubmitError, submit_draft
from webmail.web.answers import answer_text
from webmail.web.forms import ComposeForm, problem_sentence, refusal_sentence
from webmail.web.keeping import (
    Kept,
    answered,
    box_of,
    chosen_box,
    find_posted,
    keep_posted,
    number,
    posted_version,
    uploaded,
)
from webmail.web.overtaken import conflict_of, overtaken_sentence
from webmail.web.sheet import Sheet, conflict_answer, saved_answer, show_sheet
from webmail.web.shell import folder_url, for_staff


@require_http_methods(["GET", "POST"])
@for_staff
def compose(request: HttpRequest, user: User) -> HttpResponse:
    boxes = mailboxes_of(user, Right.PREPARE)
    if not boxes:
        raise Http404
    if request.method != "POST":
        return _opened(request, user, boxes)
    action = _action(request)
    if action in {"restore", "delete"}:
        return _moved(request, user, action)
    return _posted(request, user, boxes)


@require_POST
@for_staff
def compose_save(request: HttpRequest, user: User) -> JsonResponse:
    """Autosave: the form's text and the files chosen. 409 when another window was faster, 422 when
    the text is kept and the files are not.
    """
    boxes = mailboxes_of(user, Right.PREPARE)
    if not boxes:
        raise Http404
    try:
        kept = keep_posted(request, user, boxes, ComposeForm(request.POST, boxes=boxes))
    except (DraftGoneError, DraftChangedError):
        return conflict_answer(conflict_of(find_posted(request, user)))
    refused = refusal_sentence(kept.refused) if kept.refused else ""
    return saved_answer(kept.draft, error=refused)


def _opened(request: HttpRequest, user: User, boxes: list[Mailbox]) -> HttpResponse:
    """A new letter, an answer (``repondre``), or a draft taken up again (``brouillon``)."""
    draft: Message | None = None
    mailbox = box_of(request.GET.get("de", ""), boxes) or boxes[0]
    text = DraftText()
    if wanted := request.GET.get("brouillon", ""):
        draft = access_draft(user, number(wanted))
        mailbox, text = draft.mailbox, draft_text(draft)
    elif to_answer := request.GET.get("repondre", ""):
        mailbox, text = answer_text(user, number(to_answer), to_all="tous" in request.GET)
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
    form.focus_on("body" if text.to else "to")
    return show_sheet(request, user, Sheet(form, mailbox, draft, in_reply_to=text.in_reply_to))


def _moved(request: HttpRequest, user: User, action: str) -> HttpResponse:
    """Out of the trash: back among the drafts, or for good. The text posted is not looked at."""
    draft = access_draft(user, number(request.POST.get("draft", "")))
    try:
        if action == "restore":
            restore_draft(draft)
            messages.success(request, _("Draft restored."))
            return redirect(f"{reverse('compose')}?brouillon={draft.pk}")
        delete_draft(draft, user)
    except (DraftGoneError, DraftChangedError):
        messages.error(request, overtaken_sentence(find_posted(request, user)))
        return redirect("inbox")
    messages.success(request, _("Draft deleted for good."))
    return redirect(folder_url(draft.mailbox, FolderRole.TRASH))


def _posted(request: HttpRequest, user: User, boxes: list[Mailbox]) -> HttpResponse:
    form = ComposeForm(request.POST, request.FILES, boxes=boxes)
    form.is_valid()
    try:
        if _action(request) == "discard":
            return _discarded(request, user, boxes, form)
        return _act(request, user, keep_posted(request, user, boxes, form), form)
    except (DraftGoneError, DraftChangedError, AlreadySentError):
        return _overtaken(request, user, boxes, form)


def _action(request: HttpRequest) -> str:
    """What the button asks for; without one (a script, the Enter key of a browser) the letter is
    sent.
    """
    return "save" if "keep" in request.POST else request.POST.get("action", "send")


def _act(request: HttpRequest, user: User, kept: Kept, form: ComposeForm) -> HttpResponse:
    draft, action = kept.draft, _action(request)
    if kept.refused:
        form.add_error("attachments", refusal_sentence(kept.refused))
    if part := request.POST.get("remove"):
        detach_file(draft, access_draft_file(draft, number(part)))
        return show_sheet(request, user, Sheet(form, draft.mailbox, draft))
    if action == "save" and not form.errors:
        messages.success(request, _("Draft saved."))
        return redirect(f"{reverse('compose')}?brouillon={draft.pk}")
    if action == "send" and not form.errors:
        try:
            return _to_letter(submit_draft(draft, user))
        except SubmitError as refused:
            _tell(form, refused.problems)
    return show_sheet(request, user, Sheet(form, draft.mailbox, draft), status=422)


def _discarded(
    request: HttpRequest, user: User, boxes: list[Mailbox], form: ComposeForm
) -> HttpResponse:
    """Into the trash, with what was typed last, and a notice that takes it back."""
    draft = find_posted(request, user)
    if draft is None and not request.POST.get("draft") and form.is_blank:
        return redirect("inbox")
    if draft is None or draft.state != MessageState.DRAFT or not is_discarded(draft):
        if draft is None or "body" in request.POST:
            draft = keep_posted(request, user, boxes, form).draft
        discard_draft(draft, user)
    messages.success(request, _("Draft discarded."), extra_tags=str(draft.pk))
    return redirect(folder_url(draft.mailbox, FolderRole.INBOX))


def _overtaken(
    request: HttpRequest, user: User, boxes: list[Mailbox], form: ComposeForm
) -> HttpResponse:
    """Somebody was faster in another window: the letter if they sent these words, else what was
    typed here, on the page or in a draft again.
    """
    letter = find_posted(request, user)
    is_discard = _action(request) == "discard"
    if is_discard and (letter is None or letter.state == MessageState.SENT):
        messages.error(request, overtaken_sentence(letter))
        return _to_letter(letter) if letter else redirect("inbox")
    if letter is not None and letter.state == MessageState.SENT:
        typed = form.draft_text(in_reply_to=answered(request))
        if posted_version(request) is None or draft_text(letter) == typed:
            # A second click on the same page: the answer is that letter, not a second one.
            return _to_letter(letter)
    elif letter is not None and posted_version(request) is not None:
        try:
            return _contested(request, user, letter, form)
        except (DraftGoneError, DraftChangedError):
            # Sent or moved in this very moment.
            return _begun_anew(request, user, boxes, form)
    return _begun_anew(request, user, boxes, form)


def _contested(
    request: HttpRequest, user: User, letter: Message, form: ComposeForm
) -> HttpResponse:
    """Both texts on one page: the person decides. The files posted are added to the others."""
    _attach(request, letter, form)
    sheet = Sheet(form, letter.mailbox, letter, conflict=conflict_of(letter))
    return show_sheet(request, user, sheet, status=409)


def _begun_anew(
    request: HttpRequest, user: User, boxes: list[Mailbox], form: ComposeForm
) -> HttpResponse:
    """The letter is out of reach: what was typed begins another draft, under a key of its own."""
    sentence = overtaken_sentence(find_posted(request, user))
    mailbox = chosen_box(request, boxes) or boxes[0]
    text, key = form.draft_text(in_reply_to=answered(request)), secrets.token_hex(16)
    draft = create_draft(mailbox, user, text, compose_key=key)
    _attach(request, draft, form)
    kept = _("What you wrote here is kept as a new draft.")
    sheet = Sheet(form, mailbox, draft, key=key, notice=f"{sentence} {kept}")
    return show_sheet(request, user, sheet, status=409)


def _attach(request: HttpRequest, draft: Message, form: ComposeForm) -> None:
    try:
        attach_files(draft, uploaded(request))
    except NoRoomError as error:
        form.add_error("attachments", refusal_sentence(error.reason))


def _to_letter(letter: Message) -> HttpResponse:
    address = reverse("thread", args=[letter.thread_id])
    return redirect(f"{address}?dossier=sent&lettre={letter.pk}#message-{letter.pk}")


def _tell(form: ComposeForm, problems: Sequence[Problem]) -> None:
    for problem in problems:
        field = problem.field if problem.field in form.fields else None
        form.add_error(field, problem_sentence(problem.reason, problem.piece))
