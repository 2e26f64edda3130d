"""Lists: what is unread, in what order, page after page, and what an open page asks for."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories.letters import make_letter, receive
from tests.factories.visitors import browser_of
from webmail.mailbox.filing import mark_seen
from webmail.outbound.drafts import DraftText, create_draft

pytestmark = pytest.mark.django_db(databases="__all__")

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def receive_many(mailbox, count, *, at=START, step=timedelta(minutes=7)):
    return [
        receive(
            mailbox,
            make_letter(subject=f"Lettre {n:03}", message_id=f"l{n}-{at.timestamp()}@x.example"),
            at=at + n * step,
        )
        for n in range(count)
    ]


def subjects(response):
    return re.findall(r"Lettre \d{3}", response.content.decode())


def test_unread_is_said_in_a_word(martin, martin_box):
    first, second = receive_many(martin_box, 2)
    mark_seen(first)
    page = martin.get(reverse("inbox"), follow=True).content.decode()
    rows = re.findall(r'<a class="row( row--new)?".*?</a>', page, flags=re.DOTALL)
    assert rows == [" row--new", ""]
    assert page.count("Non lu") == 1
    assert "<title>(1)" in page
    assert second.pk != first.pk


def test_newest_stands_first(martin, martin_box):
    receive_many(martin_box, 3)
    assert subjects(martin.get(reverse("inbox"))) == ["Lettre 002", "Lettre 001", "Lettre 000"]


def test_conversation_is_one_row_with_its_count(martin, martin_box):
    receive(martin_box, make_letter(message_id="a@x.example"), at=START)
    receive(
        martin_box,
        make_letter(message_id="b@x.example", In_Reply_To="<a@x.example>"),
        at=START + timedelta(hours=1),
    )
    page = martin.get(reverse("inbox")).content.decode()
    assert page.count("data-row") == 1
    assert "(2)" in page


def test_pages_by_key_show_each_letter_once_although_new_mail_comes_in(
    martin, martin_box, monkeypatch
):
    monkeypatch.setattr("webmail.mailbox.queries.PAGE", 6)
    receive_many(martin_box, 11)
    first = martin.get(reverse("inbox"))
    receive_many(martin_box, 2, at=START + timedelta(days=2))
    (older,) = re.findall(r'href="([^"]*avant=[^"]*)"', first.content.decode())
    second = martin.get(older.replace("&amp;", "&"))
    assert subjects(first) + subjects(second) == [f"Lettre {n:03}" for n in range(10, -1, -1)]
    assert 'rel="next"' not in second.content.decode()
    assert 'rel="prev"' in second.content.decode()


def test_letters_of_the_same_moment_are_neither_lost_nor_doubled(martin, martin_box, monkeypatch):
    monkeypatch.setattr("webmail.mailbox.queries.PAGE", 6)
    receive_many(martin_box, 9, step=timedelta(0))
    first = martin.get(reverse("inbox"))
    (older,) = re.findall(r'href="([^"]*avant=[^"]*)"', first.content.decode())
    second = martin.get(older.replace("&amp;", "&"))
    assert sorted(subjects(first) + subjects(second)) == [f"Lettre {n:03}" for n in range(9)]


def count_queries(act):
    with CaptureQueriesContext(connections["default"]) as captured:
        act()
    return len(captured)


def test_list_costs_the_same_with_fifty_rows_as_with_five(martin, martin_box):
    receive_many(martin_box, 5)
    martin.get(reverse("inbox"))
    few = count_queries(lambda: martin.get(reverse("inbox")))
    receive_many(martin_box, 45, at=START + timedelta(days=1))
    many = count_queries(lambda: martin.get(reverse("inbox")))
    assert many == few
    assert many <= 15


def test_drafts_cost_the_same_with_forty_rows_as_with_four(martin, martin_box, dr_martin):
    url = reverse("folder", args=[martin_box.pk, "drafts"])
    for n in range(4):
        create_draft(martin_box, dr_martin, DraftText(to=f"a{n}@x.example"))
    martin.get(url)
    few = count_queries(lambda: martin.get(url))
    for n in range(36):
        create_draft(martin_box, dr_martin, DraftText(to=f"b{n}@x.example"))
    assert count_queries(lambda: martin.get(url)) == few


@pytest.mark.parametrize(
    "query",
    [
        "avant=&id=",
        "avant=hier&id=3",
        "avant=2026-11-02T08:00:00&id=3",
        "avant=2026-11-02T08:00:00%2B00:00&id=abc",
        "avant=2026-11-02T08:00:00%2B00:00&id=9999999999999999999",
        "avant=0001-01-01T00:00:00%2B14:00&id=1",
        "avant=9999-12-31T23:59:59-14:00&id=1",
        "avant=%00&id=%00",
    ],
)
def test_key_nobody_made_does_no_harm(martin, martin_box, query):
    receive_many(martin_box, 1)
    assert martin.get(f"{reverse('inbox')}?{query}").status_code == 200
    live = reverse("folder_live", args=[martin_box.pk, "inbox"])
    assert martin.get(f"{live}?{query.replace('avant', 'depuis')}").status_code == 200


def test_folder_nobody_knows_is_404(martin, martin_box):
    assert martin.get(reverse("folder", args=[martin_box.pk, "greniers"])).status_code == 404


def test_open_list_is_told_204_while_nothing_changes(martin, martin_box):
    receive_many(martin_box, 1)
    martin_box.refresh_from_db()
    live = reverse("folder_live", args=[martin_box.pk, "inbox"])
    response = martin.get(f"{live}?modseq={martin_box.modseq}")
    assert (response.status_code, response.content) == (204, b"")
    assert response["X-Unread"] == "1"


def test_open_list_gets_its_rows_and_the_number_of_new_letters(martin, martin_box):
    page = martin.get(reverse("inbox")).content.decode()
    (live,) = re.findall(r'data-live-url="([^"]*)"', page)
    live = live.replace("&amp;", "&")
    assert martin.get(live).status_code == 204
    receive(martin_box, make_letter(subject="Lettre 042"))
    response = martin.get(live)
    assert response.status_code == 200
    assert response["X-New-Count"] == "1"
    assert response["X-Unread"] == "1"
    assert subjects(response) == ["Lettre 042"]
    assert b"<html" not in response.content


def test_what_a_letter_says_stays_text_in_the_list(martin, martin_box):
    receive(martin_box, make_letter(subject="<script>alert(1)</script>", text="<b>gras</b>"))
    page = martin.get(reverse("inbox")).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "<b>gras" not in page


def test_letter_without_subject_and_without_date_is_listed(martin, martin_box):
    receive(martin_box, b"From: x@cabinet-tilleuls.mssante.example\r\n\r\nBonjour\r\n")
    assert "(sans objet)" in martin.get(reverse("inbox")).content.decode()


def test_delegate_sees_the_box_by_delegation(secretary, martin_box):
    receive_many(martin_box, 1)
    page = secretary.get(reverse("inbox")).content.decode()
    assert "Lettre 000" in page
    assert "par délégation" in page


def test_administrator_without_a_box_lands_in_the_admin(administrator):
    response = browser_of(administrator).get(reverse("home"))
    assert response.url == reverse("admin:index")


def test_person_without_a_box_is_told_so(samia, martin_box):
    martin_box.accesses.filter(user=samia).delete()
    response = browser_of(samia).get(reverse("home"), follow=True)
    assert response.status_code == 200
    assert "administrateur" in response.content.decode()


def test_empty_inbox_says_so(martin):
    assert "Aucun message pour l’instant" in martin.get(reverse("inbox")).content.decode()
