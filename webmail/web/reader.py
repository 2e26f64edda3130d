"""An open conversation: its messages, their files, what became of those we sent. Reading leaves its
trace.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET

from accounts.audit.events import Event
from accounts.models import User
from webmail.mailbox.access import access_message, access_thread, has_right
from webmail.mailbox.filing import mark_seen, note_reading
from webmail.mailbox.kinds import FolderRole, Message, MessageState, Right, Thread
from webmail.mailbox.queries import deliveries_of, may_still_change, messages_of
from webmail.mailbox.reading import read_message, source_of
from webmail.web.folders import list_context
from webmail.web.messages import show_message
from webmail.web.rows import shown_subject
from webmail.web.shell import for_staff, make_shell
from webmail.web.shown import MessageShown, ThreadShown

# A body never runs a script, loads nothing, and has an origin of its own, also when its address is
# opened alone.
BODY_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; "
    "frame-ancestors 'self'; base-uri 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@require_GET
@for_staff
def thread(request: HttpRequest, user: User, thread_id: int) -> HttpResponse:
    conversation = access_thread(user, thread_id)
    messages = messages_of(conversation)
    if not messages:
        raise Http404
    _note_opened(user, messages)
    mailbox = conversation.mailbox
    mailbox.refresh_from_db(fields=["unread", "modseq"])
    role = FolderRole.SENT if request.GET.get("dossier") == "sent" else FolderRole.INBOX
    context = list_context(mailbox, role, open_thread=conversation.pk)
    context |= {
        "shell": make_shell(user, mailbox, current=role.value),
        "thread": _shown(user, conversation, messages, wanted=request.GET.get("lettre", "")),
    }
    return render(request, "webmail/conversation.html", context)


@require_GET
@for_staff
def thread_live(request: HttpRequest, user: User, thread_id: int) -> HttpResponse:
    """The deliveries of an open conversation: 204 while nothing changed, 286 with the last word
    (htmx then stops asking).
    """
    conversation = access_thread(user, thread_id)
    known = request.GET.get("modseq")
    if known == str(conversation.mailbox.modseq):
        return HttpResponse(status=204)
    messages = messages_of(conversation)
    sent = [message for message in messages if message.state == MessageState.SENT]
    shown = _shown(user, conversation, sent)
    status = 200 if may_still_change(sent) else 286
    return render(request, "webmail/_live.html", {"thread": shown}, status=status)


@require_GET
@for_staff
def message_body(_request: HttpRequest, user: User, message_id: int) -> HttpResponse:
    """The sanitised HTML part, under its own policy, for the sandboxed frame."""
    message = access_message(user, message_id)
    reading = read_message(message)
    if not reading.html:
        raise Http404
    head = f'<meta charset="utf-8"><title></title>{_BODY_STYLE}'
    response = HttpResponse(
        f"<!DOCTYPE html><html><head>{head}</head><body>{reading.html}</body></html>"
    )
    response["Content-Security-Policy"] = BODY_POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Referrer-Policy"] = "no-referrer"
    return response


# White paper in every theme: authors choose their colours for it, and often only some of them.
_BODY_STYLE = (
    "<style>:root{color-scheme:light}body{margin:0;padding:.125rem;background:#fff;color:#111;"
    "font:16px/1.6 system-ui,sans-serif;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;max-width:100%}img{max-width:100%;height:auto}"
    "blockquote{margin:0 0 0 .5rem;padding-left:.75rem;border-left:2px solid #8a8f92}</style>"
)


@require_GET
@for_staff
def message_source(_request: HttpRequest, user: User, message_id: int) -> HttpResponse:
    """The message byte for byte, as a file under a neutral name."""
    message = access_message(user, message_id, note=Event.MAILBOX_SOURCE_DOWNLOADED)
    response = HttpResponse(source_of(message), content_type="message/rfc822")
    response["Content-Disposition"] = f'attachment; filename="message-{message.pk}.eml"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    patch_cache_control(response, private=True, no_store=True)
    return response


def _note_opened(user: User, messages: list[Message]) -> None:
    """Each message shown is read by this person. Only who may file in the box takes «unread» away
    for the others.
    """
    may_file = has_right(user, messages[0].mailbox_id, Right.FILE)
    for message in messages:
        note_reading(message, user)
        if may_file and not message.is_seen:
            mark_seen(message)


def _answered_name(shown: list[MessageShown]) -> str:
    """Who an answer goes to: the last author, or, after a letter of ours, who it was written to."""
    if not shown:
        return ""
    last = shown[-1]
    return last.deliveries[0].plate.name if last.deliveries else last.plate.name


def _shown(
    user: User, conversation: Thread, messages: list[Message], *, wanted: str = ""
) -> ThreadShown:
    """The conversation; open are its last message, what nobody has seen, and the one asked for."""
    deliveries = deliveries_of([one for one in messages if one.state == MessageState.SENT])
    last = messages[-1] if messages else None
    may_write = has_right(user, conversation.mailbox_id, Right.PREPARE)
    answer = f"{reverse('compose')}?repondre={last.pk}" if last and may_write else ""
    live = f"{reverse('thread_live', args=[conversation.pk])}?modseq={conversation.mailbox.modseq}"
    shown = [
        show_message(
            one,
            deliveries.get(one.pk, []),
            is_expanded=one is last or not one.is_seen or str(one.pk) == wanted,
        )
        for one in messages
    ]
    return ThreadShown(
        subject=shown_subject(messages[0]) if messages else "",
        messages=tuple(shown),
        reply_url=answer,
        reply_all_url=f"{answer}&tous=1" if answer else "",
        reply_to_name=_answered_name(shown),
        live_url=live if may_still_change(messages) else "",
    )
