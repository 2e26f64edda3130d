"""Who may do what: every address of the product, every kind of person, both methods, one table.

An address nobody has put into the table fails the build. What is foreign looks like what does not
exist: 404.
"""

import re
from dataclasses import dataclass

import pytest
from django.urls import URLPattern, get_resolver, reverse

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.factories.letters import make_letter, receive
from tests.factories.outbox import make_delivery
from tests.factories.visitors import PRACTICE_DOMAIN, browser_of, publish_domains
from webmail.models import Message
from webmail.outbound.drafts import DraftText, UploadedPart, attach_files, create_draft
from webmail.outbound.runs import begin_run

pytestmark = pytest.mark.django_db(databases="__all__")

PEOPLE = ("anonymous", "stranger", "reader", "preparer", "owner", "patient", "administrator")


def each(*statuses):
    return dict(zip(PEOPLE, statuses, strict=True))


NOBODY = each(405, 405, 405, 405, 405, 405, 405)
# A patient's session is another cookie: at the professionals' addresses a patient is nobody.
READERS = each(302, 404, 200, 200, 200, 302, 404)
WRITERS = each(302, 404, 404, 200, 200, 302, 404)
# Their own writing page, empty: refused in words.
WRITING = each(302, 422, 404, 422, 422, 302, 404)


@dataclass(frozen=True, slots=True)
class Row:
    """``path`` may name the objects of ``cast``; ``posted`` likewise."""

    name: str
    get: dict[str, int]
    post: dict[str, int]
    args: tuple[str, ...] = ()
    query: str = ""
    posted: tuple[tuple[str, str], ...] = ()
    comment: str = ""


TABLE = (
    Row("home", each(302, 302, 302, 302, 302, 302, 302), NOBODY),
    Row("inbox", each(302, 200, 200, 200, 200, 302, 302), NOBODY),
    Row("no_mailbox", each(302, 200, 200, 200, 200, 302, 200), NOBODY),
    Row("folder", READERS, NOBODY, args=("box", "inbox")),
    Row("folder", READERS, NOBODY, args=("box", "sent"), comment="sent"),
    Row("folder", READERS, NOBODY, args=("box", "drafts"), comment="drafts"),
    Row("outbox", READERS, NOBODY, args=("box",)),
    Row("outbox_live", READERS, NOBODY, args=("box",)),
    Row(
        "outbox_act",
        NOBODY,
        each(302, 404, 404, 404, 302, 302, 404),
        args=("box",),
        posted=(("act", "retry"),),
    ),
    Row(
        "outbox_act",
        NOBODY,
        each(302, 404, 404, 404, 302, 302, 404),
        args=("box",),
        posted=(("act", "cancel"), ("delivery", "{delivery}")),
        comment="one",
    ),
    Row("runs", READERS, NOBODY, args=("box",)),
    Row("run", READERS, NOBODY, args=("run",)),
    Row("run_live", READERS, NOBODY, args=("run",)),
    Row("folder_live", READERS, NOBODY, args=("box", "inbox")),
    Row("thread", READERS, NOBODY, args=("thread",)),
    # 286: nothing of it can change any more, an open page stops asking.
    Row("thread_live", each(302, 404, 286, 286, 286, 302, 404), NOBODY, args=("thread",)),
    Row("message_body", READERS, NOBODY, args=("message",)),
    Row("message_source", READERS, NOBODY, args=("message",)),
    Row(
        "message_source",
        each(302, 404, 404, 404, 404, 302, 404),
        NOBODY,
        args=("draft",),
        comment="draft",
    ),
    Row("attachment", READERS, NOBODY, args=("file",)),
    Row("attachment", WRITERS, NOBODY, args=("draft_file",), comment="of a draft"),
    Row("compose", each(302, 200, 404, 200, 200, 302, 404), WRITING),
    Row("compose", WRITERS, WRITING, query="?repondre={message}", comment="answer"),
    Row("compose", WRITERS, WRITING, query="?brouillon={draft}", comment="draft"),
    Row(
        "compose",
        each(302, 200, 404, 200, 200, 302, 404),
        each(302, 409, 404, 422, 422, 302, 404),
        posted=(("draft", "{draft}"),),
        comment="post a draft",
    ),
    Row(
        "compose",
        each(302, 200, 404, 200, 200, 302, 404),
        each(302, 404, 404, 404, 404, 302, 404),
        posted=(("remove", "{draft_file}"),),
        comment="remove a file of a draft from another letter",
    ),
    Row("compose_save", NOBODY, each(302, 200, 404, 200, 200, 302, 404)),
    Row(
        "compose_save",
        NOBODY,
        each(302, 409, 404, 200, 200, 302, 404),
        posted=(("draft", "{draft}"),),
        comment="a draft",
    ),
    Row("portal_home", each(302, 302, 302, 302, 302, 200, 302), NOBODY),
    Row(
        "account_login",
        each(200, 302, 302, 302, 302, 200, 302),
        each(200, 302, 302, 302, 302, 200, 302),
    ),
    Row(
        "portal_login",
        each(200, 200, 200, 200, 200, 302, 200),
        each(200, 200, 200, 200, 200, 302, 200),
    ),
    Row(
        "account_logout",
        each(302, 200, 200, 200, 200, 302, 200),
        each(302, 302, 302, 302, 302, 302, 302),
    ),
    Row(
        "portal_logout",
        each(302, 302, 302, 302, 302, 200, 302),
        each(302, 302, 302, 302, 302, 302, 302),
    ),
    Row("account_inactive", each(200, 200, 200, 200, 200, 200, 200), NOBODY),
    # One row for the whole admin: administrators alone; others are led to its door.
    Row(
        "admin:index",
        each(302, 302, 302, 302, 302, 302, 200),
        each(302, 302, 302, 302, 302, 302, 200),
    ),
)


@pytest.fixture
def cast(dr_martin, martin_box, samia, dr_petit, dr_loup, mme_durand, administrator):
    """Everybody in their own browser, and the numbers of what lies in Dr Martin's box."""
    publish_domains(PRACTICE_DOMAIN)
    letter = receive(
        martin_box, make_letter(html="<p>x</p>", files=[("a.pdf", "application/pdf", b"x")])
    )
    draft = create_draft(martin_box, dr_martin, DraftText(body="ébauche"))
    attach_files(draft, [UploadedPart("b.pdf", "application/pdf", b"y")])
    people = (None, dr_loup, dr_petit, samia, dr_martin, mme_durand, administrator)
    run = begin_run(martin_box, dr_martin, "Résultats de mars", expected=1)
    numbers = {
        "run": run.pk,
        "delivery": make_delivery(martin_box).pk,
        "box": martin_box.pk,
        "thread": letter.thread_id,
        "message": letter.pk,
        "file": letter.attachments.get().pk,
        "draft": draft.pk,
        "draft_file": draft.attachments.get().pk,
    }
    browsers = {name: browser_of(one) for name, one in zip(PEOPLE, people, strict=True)}
    return browsers, numbers


def address_of(row, numbers):
    args = [numbers.get(part, part) for part in row.args]
    return reverse(row.name, args=args) + row.query.format(**numbers)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.name} {row.comment}".strip())
def test_everybody_gets_what_the_table_says(cast, row):
    browsers, numbers = cast
    address = address_of(row, numbers)
    got = {name: browsers[name].get(address).status_code for name in PEOPLE}
    assert got == row.get
    data = {name: value.format(**numbers) for name, value in row.posted}
    got = {name: browsers[name].post(address, data).status_code for name in PEOPLE}
    assert got == row.post


def without_token(response):
    return re.sub(rb'"x-csrftoken": "[^"]*"', b"", response.content)


def names_of(patterns, prefix=""):
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            found.add(f"{prefix}{pattern.name}")
        elif pattern.namespace == "admin":
            found.add("admin:index")
        else:
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            found |= names_of(pattern.url_patterns, inner)
    return found


def test_every_address_stands_in_the_table():
    assert names_of(get_resolver().url_patterns) == {row.name for row in TABLE}


def test_every_address_has_a_name():
    assert not [name for name in names_of(get_resolver().url_patterns) if name.endswith("None")]


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row.args], ids=lambda row: f"{row.name} {row.comment}".strip()
)
def test_foreign_looks_like_what_does_not_exist(cast, row):
    browsers, numbers = cast
    missing = dict.fromkeys(numbers, 987654321)
    stranger = browsers["stranger"]
    ask = stranger.post if row.get is NOBODY else stranger.get
    foreign = ask(address_of(row, numbers), dict(row.posted))
    nothing = ask(address_of(row, missing), dict(row.posted))
    assert foreign.status_code == nothing.status_code == 404
    assert without_token(foreign) == without_token(nothing)
    assert foreign.headers == nothing.headers


def test_refusals_change_nothing_and_count_as_no_access(cast):
    browsers, numbers = cast
    for name in ("anonymous", "stranger", "patient", "administrator"):
        for row in TABLE:
            if row.args:
                browsers[name].get(address_of(row, numbers))
    letter = Message.objects.get(pk=numbers["message"])
    assert not letter.is_seen
    accesses = (
        Event.MAILBOX_MESSAGE_READ,
        Event.MAILBOX_ATTACHMENT_DOWNLOADED,
        Event.MAILBOX_SOURCE_DOWNLOADED,
    )
    assert not AuditEvent.objects.filter(event__in=accesses).exists()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_no_other_method_reaches_anything(cast, method):
    browsers, numbers = cast
    for row in TABLE:
        if row.name.startswith(("admin", "account", "portal_log")):
            continue
        response = getattr(browsers["owner"], method)(address_of(row, numbers))
        assert response.status_code == 405, row.name
