"""The writing page as it is shown, and the answers of autosave: a form and a draft come in, HTML or
JSON goes out. It keeps nothing and asks for no permission.
"""

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from webmail.mailbox.kinds import Mailbox, Message
from webmail.mime.compose import encoded_size
from webmail.outbound.draft_places import is_discarded
from webmail.outbound.drafts import draft_text
from webmail.web.forms import ComposeForm, refusal_sentence
from webmail.web.messages import show_file
from webmail.web.overtaken import Conflict
from webmail.web.shell import make_shell
from webmail.web.shown import File
from webmail.web.times import sentence_time, size_text


@dataclass(frozen=True, slots=True)
class Sheet:
    """One writing page. Without ``key`` it keeps the one it was posted with, or gets one."""

    form: ComposeForm
    mailbox: Mailbox
    draft: Message | None = None
    in_reply_to: int | None = None  # None: what the draft says.
    key: str = ""
    conflict: Conflict | None = None
    notice: str = ""


def show_sheet(
    request: HttpRequest, user: User, sheet: Sheet, *, status: int = 200
) -> HttpResponse:
    draft = sheet.draft
    in_reply_to = sheet.in_reply_to
    if in_reply_to is None:
        in_reply_to = draft_text(draft).in_reply_to if draft else 0
    limit = settings.MESSAGE_SIZE_LIMIT_OUT
    context = {
        "shell": make_shell(user, sheet.mailbox, current="compose"),
        "form": sheet.form,
        "draft_id": str(draft.pk) if draft else "",
        # A page in conflict knows no version: whatever it posts is asked about again, but for the
        # button that names the version it writes over.
        "version": str(draft.version) if draft and not sheet.conflict else "",
        "key": sheet.key or request.POST.get("key") or secrets.token_hex(16),
        "saved": _saved(draft) if draft and not sheet.conflict else "",
        "is_discarded": draft is not None and is_discarded(draft) and not sheet.conflict,
        "conflict": sheet.conflict,
        "notice": sheet.notice,
        "save_url": reverse("compose_save"),
        "limit_bytes": limit,
        "limit_text": size_text(limit),
        "too_big": refusal_sentence("too_big"),
        "reply_to": str(in_reply_to or ""),
        **_files(draft),
    }
    return render(request, "webmail/compose.html", context, status=status)


def saved_answer(draft: Message, *, error: str = "") -> JsonResponse:
    """The draft is kept; ``error`` says why the files sent along are not."""
    context = _files(draft)
    answer = {
        "draft": str(draft.pk),
        "version": str(draft.version),
        "saved": _saved(draft),
        "files": [
            {
                "name": file.name,
                "size": file.size,
                "kind": file.kind,
                "remove_value": file.remove_value,
            }
            for file in _shown_files(draft)
        ],
        "files_html": render_to_string("webmail/_compose_kept.html", context),
        "conflict_html": "",
        "error": error,
    }
    return JsonResponse(answer, status=422 if error else 200)


def conflict_answer(conflict: Conflict) -> JsonResponse:
    """Nothing is kept; the page shows what the other window holds."""
    answer = {
        "draft": "",
        "version": "",
        "saved": "",
        "files": [],
        "files_html": "",
        "conflict_html": render_to_string("webmail/_compose_conflict.html", {"conflict": conflict}),
        "error": conflict.sentence,
    }
    return JsonResponse(answer, status=409)


def _files(draft: Message | None) -> dict[str, object]:
    """What the list of kept documents is drawn from, on the page and after a save."""
    sizes = list(draft.attachments.values_list("size", flat=True)) if draft else []
    return {
        "files": _shown_files(draft) if draft else (),
        "stored_bytes": encoded_size("", sizes) if sizes else 0,
    }


def _shown_files(draft: Message) -> tuple[File, ...]:
    parts = draft.attachments.select_related("message__mailbox")
    return tuple(show_file(part, is_draft=True) for part in parts)


def _saved(draft: Message) -> str:
    return _("Saved %(time)s") % {"time": sentence_time(draft.at)}
