"""Runs of letters: the list of a box, and one run with what became of each of its letters."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_GET

from accounts.models import User
from webmail.mailbox.access import access_mailbox, access_run
from webmail.mailbox.kinds import LetterRun
from webmail.mailbox.outbox import (
    WAITING,
    PeerCount,
    RunCount,
    count_peers,
    count_run,
    list_run,
    runs_of,
)
from webmail.outbound.reasons import sentence_of
from webmail.outbound.runs import label_of
from webmail.web.paging import key_of, older_url
from webmail.web.shell import for_staff, make_shell, outbox_url
from webmail.web.times import long_time, sentence_time
from webmail.web.waiting import show_waiting

# The filter's slug → the states it shows.
_FILTERS: dict[str, tuple[str, ...]] = {
    "": (),
    "attente": tuple(WAITING),
    "accepte": ("accepted",),
    "remis": ("delivered", "read", "taken_in_charge"),
    "echec": ("failed",),
    "annule": ("cancelled",),
}


@dataclass(frozen=True, slots=True)
class RunLine:
    label: str
    url: str
    when: str
    summary: str


@dataclass(frozen=True, slots=True)
class PeerLine:
    domain: str
    progress: str
    trouble: str  # Since when it fails, why, and when it is asked again; empty when all is well.
    tone: str


@dataclass(frozen=True, slots=True)
class FilterLink:
    name: str
    count: int
    url: str
    is_current: bool


@require_GET
@for_staff
def runs(request: HttpRequest, user: User, mailbox_id: int) -> HttpResponse:
    mailbox = access_mailbox(user, mailbox_id)
    context = {
        "shell": make_shell(user, mailbox, current="outbox"),
        "title": _("Runs of letters"),
        "lines": [_line(run) for run in runs_of(mailbox)],
        "outbox_url": outbox_url(mailbox.pk),
    }
    return render(request, "webmail/runs.html", context)


@require_GET
@for_staff
def run(request: HttpRequest, user: User, run_id: int) -> HttpResponse:
    letters = access_run(user, run_id)
    context = _shown(request, letters)
    context |= {
        "shell": make_shell(user, letters.mailbox, current="outbox"),
        "title": label_of(letters),
        "runs_url": reverse("runs", args=[letters.mailbox_id]),
    }
    return render(request, "webmail/run.html", context)


@require_GET
@for_staff
def run_live(request: HttpRequest, user: User, run_id: int) -> HttpResponse:
    """204 while the box has not changed, else the run anew."""
    letters = access_run(user, run_id)
    if request.GET.get("modseq") == str(letters.mailbox.modseq):
        return HttpResponse(status=204)
    return render(request, "webmail/_run_rows.html", _shown(request, letters))


def _line(letters: LetterRun) -> RunLine:
    return RunLine(
        label=label_of(letters),
        url=reverse("run", args=[letters.pk]),
        when=long_time(letters.created_at),
        summary=_summary(letters, count_run(letters)),
    )


def _summary(letters: LetterRun, count: RunCount) -> str:
    parts = [ngettext("%(n)s letter", "%(n)s letters", count.total) % {"n": count.total}]
    if count.total < letters.expected:
        parts.append(_("%(n)s still to be written") % {"n": letters.expected - count.total})
    if count.waiting:
        parts.append(_("%(n)s on the way") % {"n": count.waiting})
    if failed := count.by_state.get("failed", 0):
        parts.append(ngettext("%(n)s not delivered", "%(n)s not delivered", failed) % {"n": failed})
    if count.uncertain:
        n = count.uncertain
        parts.append(ngettext("%(n)s perhaps delivered", "%(n)s perhaps delivered", n) % {"n": n})
    if count.ended_at is not None:
        parts.append(_("ended %(time)s") % {"time": sentence_time(count.ended_at)})
    return ", ".join(parts)


def _shown(request: HttpRequest, letters: LetterRun) -> dict[str, object]:
    chosen = request.GET.get("etat", "")
    chosen = chosen if chosen in _FILTERS else ""
    before = key_of(request)
    count = count_run(letters)
    page = list_run(letters, _FILTERS[chosen], before)
    url = reverse("run", args=[letters.pk])
    here = f"{url}?etat={chosen}"
    live = reverse("run_live", args=[letters.pk])
    return {
        "summary": _summary(letters, count),
        "filters": _filters(count, url, chosen),
        "peers": [_peer(one) for one in count_peers(letters)],
        "rows": show_waiting(page.deliveries),
        "live_url": "" if before else f"{live}?etat={chosen}&modseq={letters.mailbox.modseq}",
        "older_url": older_url(here, page.next),
        "newer_url": here if before else "",
    }


def _filters(count: RunCount, url: str, chosen: str) -> list[FilterLink]:
    names = {
        "": _("All"),
        "attente": _("On the way"),
        "accepte": _("Accepted by their operator"),
        "remis": _("Delivered"),
        "echec": _("Not delivered"),
        "annule": _("Cancelled"),
    }
    return [
        FilterLink(
            name=names[slug],
            count=sum(count.by_state.get(state, 0) for state in states) if states else count.total,
            url=f"{url}?etat={slug}",
            is_current=slug == chosen,
        )
        for slug, states in _FILTERS.items()
    ]


def _peer(peer: PeerCount) -> PeerLine:
    trouble = ""
    if peer.trouble is not None and peer.waiting:
        trouble = _("%(why)s Since %(since)s; next attempt %(next)s.") % {
            "why": sentence_of(peer.trouble.reason),
            "since": sentence_time(peer.trouble.failing_since),
            "next": sentence_time(peer.trouble.retry_at),
        }
    progress = _("%(taken)s of %(total)s taken") % {"taken": peer.taken, "total": peer.total}
    if peer.failed:
        progress += ", " + ngettext("%(n)s not delivered", "%(n)s not delivered", peer.failed) % {
            "n": peer.failed
        }
    return PeerLine(
        domain=peer.domain,
        progress=progress,
        trouble=trouble,
        tone="silent" if trouble else _tone(peer),
    )


def _tone(peer: PeerCount) -> str:
    if peer.failed:
        return "failed"
    return "way" if peer.waiting else "done"
