"""What surrounds each page: the person's boxes, the folders of the one in view. It asks ``access``
and ``queries``, no table.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from webmail.mailbox.access import mailboxes_of
from webmail.mailbox.kinds import FolderRole, Mailbox, MailboxKind
from webmail.mailbox.outbox import count_waiting
from webmail.mailbox.queries import count_drafts
from webmail.mailbox.reading import DamagedContentError
from webmail.web.shown import BoxLink, FolderLink, Shell

logger = logging.getLogger(__name__)

_BOX_ICONS = {
    MailboxKind.PER: "person",
    MailboxKind.ORG: "team",
    MailboxKind.CAB: "org",
    MailboxKind.APP: "app",
}
_FOLDER_ICONS = {
    FolderRole.INBOX: "inbox",
    FolderRole.DRAFTS: "draft",
    FolderRole.SENT: "send",
    FolderRole.ARCHIVE: "archive",
    FolderRole.JUNK: "junk",
    FolderRole.TRASH: "trash",
}


_USUALLY_EMPTY = frozenset({FolderRole.ARCHIVE, FolderRole.JUNK})

P = ParamSpec("P")
StaffView = Callable[Concatenate[HttpRequest, User, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def for_staff(view: StaffView[P]) -> View[P]:
    """A page for whoever came in by the professionals' door; the view gets the person. Patients get
    404 here.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not isinstance(request.user, User) or request.user.is_patient:
            raise Http404
        try:
            return view(request, request.user, *args, **kwargs)
        except DamagedContentError:
            return _damaged(request)

    return login_required(wrapper)


def _damaged(request: HttpRequest) -> HttpResponse:
    """What is stored does not open: nothing of it is shown, and the person is told so."""
    logger.error("event=damaged_content")
    context = {
        "title": _("This content cannot be shown"),
        "sentence": _(
            "What is kept of it is damaged. Nothing was lost elsewhere. Tell your administrator."
        ),
    }
    return render(request, "errors/refused.html", context, status=500)


def folder_url(mailbox: Mailbox, role: FolderRole) -> str:
    return reverse("folder", args=[mailbox.pk, role.value])


def compose_url(mailbox: Mailbox) -> str:
    return f"{reverse('compose')}?de={mailbox.pk}"


def make_shell(user: User, mailbox: Mailbox, *, current: str) -> Shell:
    """The surroundings of a page of ``mailbox``; ``current`` is the folder or act in view."""
    boxes = mailboxes_of(user)
    return Shell(
        boxes=tuple(_box_link(box, user, mailbox, current) for box in boxes),
        box_name=mailbox.name,
        compose_url=compose_url(mailbox),
        inbox_url=folder_url(mailbox, FolderRole.INBOX),
        sent_url=folder_url(mailbox, FolderRole.SENT),
        person_name=user.shown_name,
        person_initials=user.initials,
        person_line=user.profession or user.get_kind_display(),
        admin_url=reverse("admin:index") if user.is_staff else "",
        current=current,
        unread=mailbox.unread,
    )


def _box_link(box: Mailbox, user: User, mailbox: Mailbox, current: str) -> BoxLink:
    is_current = box.pk == mailbox.pk
    kind = box.get_kind_display()
    return BoxLink(
        name=box.name,
        kind_label=kind
        if box.holder_id == user.pk
        else _("%(kind)s, by delegation") % {"kind": kind},
        icon=_BOX_ICONS.get(MailboxKind(box.kind), "inbox"),
        url=folder_url(box, FolderRole.INBOX),
        unread=box.unread,
        is_current=is_current,
        folders=_folder_links(box, current) if is_current else (),
    )


def _folder_links(box: Mailbox, current: str) -> tuple[FolderLink, ...]:
    counts = {
        FolderRole.INBOX: box.unread,
        FolderRole.DRAFTS: count_drafts(box),
    }
    # No act puts anything there yet: an entry would promise what cannot be done.
    shown = [role for role in FolderRole if role not in _USUALLY_EMPTY or role.value == current]
    links = [
        FolderLink(
            name=str(role.label),
            icon=_FOLDER_ICONS[role],
            url=folder_url(box, role),
            count=counts.get(role, 0),
            is_current=role.value == current,
        )
        for role in shown
    ]
    after_sent = shown.index(FolderRole.SENT) + 1
    links.insert(after_sent, _outbox_link(box, current))
    return tuple(links)


def outbox_url(mailbox_id: int) -> str:
    return reverse("outbox", args=[mailbox_id])


def _outbox_link(box: Mailbox, current: str) -> FolderLink:
    return FolderLink(
        name=_("Outbox"),
        icon="wait",
        url=outbox_url(box.pk),
        count=count_waiting(box),
        is_current=current == "outbox",
    )
