"""Lists: the inbox, letters sent with what became of them, drafts. One page each, and the fragment
an open page asks for.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_GET

from accounts.models import User
from webmail.mailbox.access import access_mailbox, mailboxes_of
from webmail.mailbox.kinds import FolderRole, Mailbox
from webmail.mailbox.queries import Key, count_new, list_folder
from webmail.web.paging import key_of, moment_of, older_url, text_of
from webmail.web.rows import make_rows
from webmail.web.shell import folder_url, for_staff, make_shell


@require_GET
@for_staff
def home(_request: HttpRequest, user: User) -> HttpResponse:
    """Where a person lands: their first inbox; the admin for those who only administer."""
    if mailboxes_of(user):
        return redirect("inbox")
    if user.is_staff:
        return redirect("admin:index")
    return redirect("no_mailbox")


@require_GET
@for_staff
def no_mailbox(request: HttpRequest, _user: User) -> HttpResponse:
    context = {
        "title": _("No mailbox yet"),
        "sentence": _(
            "You hold no right on a mailbox. Ask your administrator to open one for you."
        ),
    }
    return render(request, "errors/refused.html", context)


@require_GET
@for_staff
def inbox(request: HttpRequest, user: User) -> HttpResponse:
    boxes = mailboxes_of(user)
    if not boxes:
        return redirect("home")
    return _page(request, user, boxes[0], FolderRole.INBOX)


@require_GET
@for_staff
def folder(request: HttpRequest, user: User, mailbox_id: int, role: str) -> HttpResponse:
    return _page(request, user, access_mailbox(user, mailbox_id), _role(role))


@require_GET
@for_staff
def folder_live(request: HttpRequest, user: User, mailbox_id: int, role: str) -> HttpResponse:
    """What an open list asks every few seconds: 204 while the box has not changed, else its first
    page anew.
    """
    mailbox, kind = access_mailbox(user, mailbox_id), _role(role)
    if request.GET.get("modseq") == str(mailbox.modseq):
        response = HttpResponse(status=204)
    else:
        response = render(request, "webmail/_rows.html", _list(mailbox, kind, None))
        since = moment_of(request.GET.get("depuis", ""))
        new = count_new(mailbox, kind, since) if since and kind == FolderRole.INBOX else 0
        response["X-New-Count"] = str(new)
    response["X-Unread"] = str(mailbox.unread)
    return response


def _page(request: HttpRequest, user: User, mailbox: Mailbox, role: FolderRole) -> HttpResponse:
    context = _list(mailbox, role, key_of(request))
    context |= {"shell": make_shell(user, mailbox, current=role.value), "title": str(role.label)}
    return render(request, "webmail/inbox.html", context)


def list_context(mailbox: Mailbox, role: FolderRole, *, open_thread: int = 0) -> dict[str, object]:
    """The list beside an open conversation: the folder's first page."""
    return _list(mailbox, role, None, open_thread=open_thread)


def _list(
    mailbox: Mailbox, role: FolderRole, before: Key | None, *, open_thread: int = 0
) -> dict[str, object]:
    page = list_folder(mailbox, role, before)
    url = folder_url(mailbox, role)
    count = len(page.messages)
    return {
        "rows": make_rows(page.messages, open_thread=open_thread),
        "count": _count(role, count, is_more=page.next is not None or before is not None),
        "live_url": "" if before else _live_url(mailbox, role),
        "older_url": older_url(url, page.next),
        "newer_url": url if before else "",
        "empty": _empty(role),
        "kind": role.value,
    }


def _live_url(mailbox: Mailbox, role: FolderRole) -> str:
    address = reverse("folder_live", args=[mailbox.pk, role.value])
    return f"{address}?modseq={mailbox.modseq}&depuis={text_of(timezone.now())}"


def _count(role: FolderRole, count: int, *, is_more: bool) -> str:
    if is_more:
        return ""
    if role in {FolderRole.SENT, FolderRole.DRAFTS}:
        return ngettext("%(n)s message", "%(n)s messages", count) % {"n": count}
    return ngettext("%(n)s conversation", "%(n)s conversations", count) % {"n": count}


def _empty(role: FolderRole) -> str:
    sentences = {
        FolderRole.INBOX: _("No message at the moment. New ones appear here by themselves."),
        FolderRole.DRAFTS: _("No draft. What you begin to write is kept here."),
        FolderRole.SENT: _("No message sent yet. You will see here what became of each."),
    }
    return sentences.get(role, _("This folder is empty."))


def _role(text: str) -> FolderRole:
    try:
        return FolderRole(text)
    except ValueError:
        raise Http404 from None
