"""The outbox and the runs as people see them: why it waits, until when, and what they may do."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories.outbox import make_delivery
from tests.factories.people import make_mailbox
from tests.factories.visitors import browser_of
from webmail.models import Delivery, Message
from webmail.outbound import waiting
from webmail.outbound.runs import begin_run
from webmail.outbound.troubles import note_trouble

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    domains: list[str] = []
    monkeypatch.setattr(waiting, "ring_domain", domains.append)
    return domains


@pytest.fixture
def martin(dr_martin, martin_box):
    return browser_of(dr_martin)


def page(browser, mailbox):
    return browser.get(reverse("outbox", args=[mailbox.pk])).content.decode()


def act(browser, mailbox, **posted):
    return browser.post(reverse("outbox_act", args=[mailbox.pk]), posted, follow=True)


def in_an_hour():
    return timezone.now() + timedelta(hours=1)


def test_what_waits_says_why_until_when_and_how_often(martin, martin_box):
    make_delivery(
        martin_box,
        state="deferred",
        attempts=2,
        reason="mailbox_full",
        smtp_code=452,
        next_attempt_at=in_an_hour(),
    )
    text = page(martin, martin_box)
    assert "hugo.petit@cabinet-tilleuls.mssante.example" in text
    assert "boîte du destinataire est pleine" in text
    assert "2 essais jusqu’ici" in text
    assert "Essayer maintenant" in text
    assert "Ne pas envoyer" in text


def test_letter_never_tried_because_its_operator_is_silent_does_not_say_it_is_on_its_way(
    martin, martin_box
):
    make_delivery(martin_box, reason="timeout", next_attempt_at=in_an_hour())
    text = page(martin, martin_box)
    assert "Injoignable" in text
    assert "en route" not in text


def test_what_arrived_is_not_in_the_outbox_and_what_failed_stays_a_week(martin, martin_box):
    make_delivery(martin_box, state="accepted", address="a@labo.mssante.example")
    make_delivery(martin_box, state="failed", reason="expired", address="b@labo.mssante.example")
    old = timezone.now() - timedelta(days=8)
    make_delivery(martin_box, state="failed", state_at=old, address="c@labo.mssante.example")
    text = page(martin, martin_box)
    assert ["a@labo" in text, "b@labo" in text, "c@labo" in text] == [False, True, False]
    assert "Essayer maintenant" not in text


def test_empty_outbox_says_so(martin, martin_box):
    assert "Rien n’attend" in page(martin, martin_box)


def test_trying_now_makes_it_due_and_says_so(martin, martin_box, rung):
    row = make_delivery(martin_box, state="deferred", next_attempt_at=in_an_hour())
    answer = act(martin, martin_box, act="retry", delivery=row.pk)
    row.refresh_from_db()
    assert row.next_attempt_at <= timezone.now()
    assert rung == [row.domain]
    assert "1 envoi est tenté maintenant." in answer.content.decode()


def test_everything_can_be_tried_now(martin, martin_box):
    for _ in range(3):
        make_delivery(martin_box, state="deferred", next_attempt_at=in_an_hour())
    assert "Tout essayer maintenant" in page(martin, martin_box)
    assert (
        "3 envois sont tentés maintenant." in act(martin, martin_box, act="retry").content.decode()
    )
    assert not Delivery.objects.filter(next_attempt_at__gt=timezone.now()).exists()


def test_cancelling_too_late_is_said_and_changes_nothing(martin, martin_box):
    row = make_delivery(martin_box, state="in_flight", lease_until=in_an_hour())
    answer = act(martin, martin_box, act="cancel", delivery=row.pk)
    row.refresh_from_db()
    assert row.state == "in_flight"
    assert "Trop tard pour 1" in answer.content.decode()


def test_whole_letter_is_cancelled(martin, martin_box):
    row = make_delivery(martin_box)
    other = make_delivery(martin_box)
    act(martin, martin_box, act="cancel", letter=row.message_id)
    assert Delivery.objects.get(pk=row.pk).state == "cancelled"
    assert Delivery.objects.get(pk=other.pk).state == "queued"


@pytest.mark.parametrize("posted", [{}, {"act": "explode"}, {"act": "cancel", "delivery": "x"}])
def test_act_nobody_offers_is_404(martin, martin_box, posted):
    make_delivery(martin_box)
    assert act(martin, martin_box, **posted).status_code == 404
    assert Delivery.objects.get().state == "queued"


def test_delivery_of_another_box_is_out_of_reach(martin, martin_box, dr_loup, dr_martin):
    theirs = make_delivery(dr_loup.held_mailboxes.get())
    assert act(martin, martin_box, act="cancel", delivery=theirs.pk).status_code == 404
    # Of another box of one's own, by the address of this one.
    second = make_mailbox("service", "Service", holder=dr_martin)
    mine = make_delivery(second)
    assert act(martin, martin_box, act="cancel", delivery=mine.pk).status_code == 404
    assert set(Delivery.objects.values_list("state", flat=True)) == {"queued"}


def test_letter_a_machine_wrote_is_out_of_reach(martin, martin_box):
    row = make_delivery(martin_box)
    Delivery.objects.filter(pk=row.pk).update(mailbox=None)
    assert act(martin, martin_box, act="cancel", delivery=row.pk).status_code == 404
    assert Delivery.objects.get().state == "queued"


def test_reader_sees_and_may_do_nothing(dr_petit, martin_box):
    row = make_delivery(martin_box)
    browser = browser_of(dr_petit)
    assert "Ne pas envoyer" not in page(browser, martin_box)
    assert act(browser, martin_box, act="cancel", delivery=row.pk).status_code == 404


def test_open_outbox_asks_and_hears_only_of_changes(martin, martin_box):
    url = reverse("outbox_live", args=[martin_box.pk])
    martin_box.refresh_from_db()
    assert martin.get(f"{url}?modseq={martin_box.modseq}").status_code == 204
    answer = martin.get(f"{url}?modseq=none")
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()


def test_long_outbox_comes_in_pages_and_its_cost_is_flat(
    martin, martin_box, django_assert_max_num_queries
):
    for _ in range(60):
        make_delivery(martin_box)
    with django_assert_max_num_queries(20):
        first = page(martin, martin_box)
    assert first.count('class="wait"') == 50
    older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = martin.get(older.replace("&amp;", "&")).content.decode()
    assert second.count('class="wait"') == 10


def test_run_tells_how_far_it_is_and_who_is_silent(martin, martin_box, dr_martin):
    run = begin_run(martin_box, dr_martin, "Résultats de mars", expected=4)
    for state in ("accepted", "failed", "queued"):
        make_delivery(martin_box, state=state, reason="expired" if state == "failed" else "")
    Message.objects.update(run=run)
    note_trouble("cabinet-tilleuls.mssante.example", "timeout")
    listed = martin.get(reverse("runs", args=[martin_box.pk])).content.decode()
    assert "Résultats de mars" in listed
    assert "1 encore à écrire" in listed
    text = martin.get(reverse("run", args=[run.pk])).content.decode()
    assert "3 lettres" in text
    assert "sur 3" in text
    assert "ne répond pas" in text or "joignable" in text
    failed = martin.get(reverse("run", args=[run.pk]) + "?etat=echec").content.decode()
    assert failed.count('class="wait"') == 1
    odd = martin.get(reverse("run", args=[run.pk]) + "?etat=quoi").content.decode()
    assert odd.count('class="wait"') == 3


def test_administrator_tries_and_cancels_in_the_admin(administrator, martin_box, rung):
    browser = browser_of(administrator)
    waiting_row, other = (
        make_delivery(martin_box, next_attempt_at=in_an_hour()),
        make_delivery(martin_box),
    )
    url = reverse("admin:webmail_delivery_changelist")
    browser.post(url, {"action": "try_now", "_selected_action": [waiting_row.pk]})
    assert rung == [waiting_row.domain]
    answer = browser.post(
        url, {"action": "do_not_send", "_selected_action": [other.pk]}, follow=True
    )
    assert Delivery.objects.get(pk=other.pk).state == "cancelled"
    assert "Fait pour 1" in answer.content.decode()
