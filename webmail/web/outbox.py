"""The outbox of a box: what has not left or did not arrive, why, when it is tried next, and two
acts: try now, do not send.
"""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from webmail.mailbox.access import access_delivery, access_mailbox, has_right
from webmail.mailbox.kinds import Mailbox, Right
from webmail.mailbox.outbox import list_outbox, waiting_of
from webmail.mailbox.queries import Key
from webmail.outbound.waiting import Done, cancel, retry_now
from webmail.web.paging import key_of, older_url
from webmail.web.shell import for_staff, make_shell, outbox_url
from webmail.web.waiting import show_waiting

_VERBS = {"retry": retry_now, "cancel": cancel}


@require_GET
@for_staff
def outbox(request: HttpRequest, user: User, mailbox_id: int) -> HttpResponse:
    mailbox = access_mailbox(user, mailbox_id)
    context = _list(user, mailbox, key_of(request))
    context |= {"shell": make_shell(user, mailbox, current="outbox"), "title": _("Outbox")}
    return render(request, "webmail/outbox.html", context)


@require_GET
@for_staff
def outbox_live(request: HttpRequest, user: User, mailbox_id: int) -> HttpResponse:
    """What an open outbox asks every few seconds: 204 while the box has not changed."""
    mailbox = access_mailbox(user, mailbox_id)
    if request.GET.get("modseq") == str(mailbox.modseq):
        return HttpResponse(status=204)
    return render(request, "webmail/_outbox_rows.html", _list(user, mailbox, None))


@require_POST
@for_staff
def outbox_act(request: HttpRequest, user: User, mailbox_id: int) -> HttpResponse:
    """``act`` on one recipient (``delivery``), on a whole letter (``letter``), or on all."""
    mailbox = access_mailbox(user, mailbox_id, Right.SEND)
    verb = _VERBS.get(request.POST.get("act", ""))
    if verb is None:
        raise Http404
    one, letter = request.POST.get("delivery", ""), request.POST.get("letter", "")
    if one:
        delivery = access_delivery(user, _number(one))
        if delivery.mailbox_id != mailbox.pk:
            raise Http404
        done = verb([delivery], actor=user)
    else:
        rows = waiting_of(mailbox, message_id=_number(letter) if letter else None)
        done = verb(rows, actor=user)
    (messages.success if done.done else messages.warning)(request, _told(verb is cancel, done))
    return redirect(outbox_url(mailbox.pk))


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:  # noqa: PLR2004  (No row has a longer number.)
        raise Http404
    return int(text)


def _told(is_cancelled: bool, done: Done) -> str:
    if is_cancelled:
        sentence = ngettext(
            "%(n)s sending was cancelled.", "%(n)s sendings were cancelled.", done.done
        )
        too_late = _("Too late for %(n)s: it is being handed over, or has left.")
    else:
        sentence = ngettext(
            "%(n)s sending is tried now.", "%(n)s sendings are tried now.", done.done
        )
        too_late = _("%(n)s did not wait any more.")
    told = sentence % {"n": done.done} if done.done else ""
    missed = too_late % {"n": done.missed} if done.missed else ""
    return f"{told} {missed}".strip() or _("Nothing was waiting.")


def _list(user: User, mailbox: Mailbox, before: Key | None) -> dict[str, object]:
    page = list_outbox(mailbox, before)
    url = outbox_url(mailbox.pk)
    live = f"{reverse('outbox_live', args=[mailbox.pk])}?modseq={mailbox.modseq}"
    may_send = has_right(user, mailbox.pk, Right.SEND)
    rows = show_waiting(page.deliveries)
    return {
        "rows": rows,
        "may_act": may_send,
        "act_url": reverse("outbox_act", args=[mailbox.pk]),
        "runs_url": reverse("runs", args=[mailbox.pk]),
        "can_retry_all": may_send and sum(row.may_act for row in rows) > 1,
        "live_url": "" if before else live,
        "older_url": older_url(url, page.next),
        "newer_url": url if before else "",
        "count": ngettext("%(n)s sending", "%(n)s sendings", len(rows)) % {"n": len(rows)}
        if not page.next and not before
        else "",
    }
