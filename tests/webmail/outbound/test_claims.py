"""Places for conversations, and claimed letters: nobody takes another's, and a silent peer takes
few.
"""

import contextlib
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.letters import PETIT
from tests.factories.outbox import PRACTICE_DOMAIN, ROY, claim, make_delivery
from webmail import tracking
from webmail.models import Delivery, DeliveryState, PeerState, Recipient
from webmail.outbound import claims
from webmail.outbound.claims import (
    claim_letters,
    claimed_with,
    due_for,
    has_slot,
    next_in_line,
    note_answering,
    place_for,
    waiting_for,
)

pytestmark = pytest.mark.django_db(databases="__all__")

LABO = "labo.mssante.example"
OURS = "ch-valbrune.mssante.example"


@pytest.fixture(autouse=True)
def _nobody_is_at_it(settings):
    """What a process learnt in another test is not known here."""
    settings.CONNECTIONS_PER_PEER, settings.OUTBOUND_SLOTS = 2, 4
    forget = (claims._answering, claims._turned_away)
    for each in forget:
        each.clear()
    yield
    assert not claims._conversations
    for each in forget:
        each.clear()


@pytest.fixture
def places():
    """Take places one after the other; all are given back at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda domain: stack.enter_context(place_for(domain))


def in_flight(mailbox, domain, *, token, seconds=30):
    row = make_delivery(mailbox, address=f"a@{domain}")
    claim(row, token=token * 32, until=timezone.now() + timedelta(seconds=seconds))
    return row


def trouble(*domains):
    now = timezone.now()
    for domain in domains:
        PeerState.objects.create(
            domain=domain, failures=1, failing_since=now, retry_at=now, reason="timeout"
        )


# Places


def test_second_conversation_begins_when_the_first_was_answered(places):
    assert places(LABO)
    assert not places(LABO)
    note_answering(LABO, is_answering=True)
    assert places(LABO)
    assert not places(LABO), "no more than the settings say"


def test_peer_that_stopped_answering_has_one_conversation_again(places):
    note_answering(LABO, is_answering=True)
    note_answering(LABO, is_answering=False)
    assert places(LABO)
    assert not places(LABO)


def test_place_is_given_back_whatever_happens():
    def fail():
        with place_for(LABO) as has_place:
            assert has_place
            raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            fail()


def test_places_are_bounded_over_all_peers(places):
    assert [places(f"{name}.example") for name in "abcde"] == [True] * 4 + [False]


def test_peer_without_a_place_is_next_in_line_once_in_its_order(places):
    for name in "abcd":
        assert places(f"{name}.example")
    assert next_in_line() is None
    for name in "fefe":
        assert not places(f"{name}.example")
    assert [next_in_line(), next_in_line(), next_in_line()] == ["f.example", "e.example", None]


def test_peer_that_found_a_place_is_in_no_line(settings):
    with contextlib.ExitStack() as stack:
        for name in "abcd":
            stack.enter_context(place_for(f"{name}.example"))
        with place_for(LABO) as has_place:
            assert not has_place
    with place_for(LABO) as has_place:
        assert has_place
        assert next_in_line() is None


def test_peer_others_are_at_already_is_in_no_line(places):
    assert places(LABO)
    assert not places(LABO)
    note_answering(LABO, is_answering=True)
    assert places(LABO)
    assert not places(LABO)
    assert next_in_line() is None


def test_own_domain_has_always_a_place(places):
    for name in "abcd":
        assert places(f"{name}.example")
    assert places(OURS)
    assert has_slot(OURS, set())


def test_troubled_peers_share_a_half_of_the_places(places):
    trouble("a.example", "b.example", "c.example")
    assert [places(f"{name}.example") for name in "abc"] == [True, True, False]
    assert places(LABO), "the other half is for the others"


def test_busy_healthy_peers_do_not_keep_a_troubled_one_from_being_asked(places):
    trouble("c.example")
    assert places("a.example")
    assert places("b.example")
    assert places("c.example")


def test_troubled_peer_has_one_conversation_even_if_it_answered_before(places):
    note_answering(LABO, is_answering=True)
    trouble(LABO)
    assert places(LABO)
    assert not places(LABO)


def test_one_place_in_all_is_enough_to_ask_a_troubled_peer(places, settings):
    settings.OUTBOUND_SLOTS = 1
    trouble(LABO)
    assert places(LABO)


def test_conversations_of_other_processes_count(martin_box, places):
    in_flight(martin_box, LABO, token="a")
    in_flight(martin_box, LABO, token="b")
    assert not places(LABO)
    assert not has_slot(LABO, set())
    assert has_slot(PRACTICE_DOMAIN, set())
    in_flight(martin_box, "x.example", token="c")
    in_flight(martin_box, "y.example", token="d")
    assert not places(PRACTICE_DOMAIN)


def test_many_letters_of_one_claim_are_one_conversation(martin_box):
    rows = [make_delivery(martin_box, address=f"a{n}@{LABO}") for n in range(4)]
    until = timezone.now() + timedelta(seconds=30)
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=DeliveryState.IN_FLIGHT, lease_token="t" * 32, lease_until=until
    )
    assert has_slot(LABO, set())


def test_dead_claim_and_our_own_letters_hold_no_place(martin_box):
    in_flight(martin_box, LABO, token="a", seconds=-1)
    in_flight(martin_box, LABO, token="b", seconds=-1)
    for token in "cdef":
        in_flight(martin_box, OURS, token=token)
    assert has_slot(LABO, set())


def test_threads_that_come_at_once_never_take_more_than_there_is(settings):
    """Each looks before any has written a row."""
    settings.OUTBOUND_SLOTS = 3
    taken, start, end = [], threading.Barrier(8), threading.Barrier(8)

    def run(number):
        start.wait(10)
        with place_for(f"{number % 4}.example") as has_place:
            taken.append(has_place)
            end.wait(10)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "_claimed_conversations", dict)
        patch.setattr(claims, "troubled_domains", set)
        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert sum(taken) == 3


# Claims


def test_letters_are_claimed_longest_due_first(martin_box):
    now = timezone.now()
    rows = [
        make_delivery(martin_box, next_attempt_at=now - timedelta(minutes=minutes))
        for minutes in (1, 3, 2)
    ]
    first, second = claim_letters(PRACTICE_DOMAIN, 2)
    assert [first.deliveries[0].pk, second.deliveries[0].pk] == [rows[1].pk, rows[2].pk]
    assert first.token == second.token
    assert waiting_for(PRACTICE_DOMAIN).get() == rows[0]


def test_letter_is_claimed_with_all_its_due_recipients_at_the_peer(martin_box):
    row = make_delivery(martin_box)
    now = timezone.now()
    for position, (address, due) in enumerate(
        [(ROY, now), (f"z@{PRACTICE_DOMAIN}", now + timedelta(hours=1)), (f"a@{LABO}", now)], 1
    ):
        Delivery.objects.create(
            message=row.message,
            recipient=Recipient.objects.create(
                message=row.message, kind="to", position=position, address=address
            ),
            domain=address.rpartition("@")[2],
            state_at=now,
            created_at=now,
            next_attempt_at=due,
        )
    (claimed,) = claim_letters(PRACTICE_DOMAIN, 16)
    assert claimed.addresses() == (PETIT, ROY)
    assert {one.state for one in claimed.deliveries} == {DeliveryState.IN_FLIGHT}
    assert {one.attempts for one in claimed.deliveries} == {1}
    assert not due_for(PRACTICE_DOMAIN).exists()
    assert due_for(LABO).count() == 1


def test_nothing_due_claims_nothing(martin_box):
    make_delivery(martin_box, next_attempt_at=timezone.now() + timedelta(minutes=1))
    assert claim_letters(PRACTICE_DOMAIN, 16) == []
    assert claim_letters(LABO, 16) == []


def test_letter_taken_between_the_look_and_the_claim_is_not_ours(martin_box, monkeypatch):
    mine, theirs = make_delivery(martin_box), make_delivery(martin_box)
    claim_all = tracking.claim_all

    def late(due, *, token, until):
        claim_all(Delivery.objects.filter(pk=theirs.pk), token="x" * 32, until=until)
        claim_all(due, token=token, until=until)

    monkeypatch.setattr(tracking, "claim_all", late)
    found = claim_letters(PRACTICE_DOMAIN, 16)
    assert [one.deliveries[0].pk for one in found] == [mine.pk]
    theirs.refresh_from_db()
    assert (theirs.lease_token, theirs.attempts) == ("x" * 32, 1)


def test_rows_of_a_claim_are_found_without_looking_at_every_letter_ever_sent(martin_box):
    make_delivery(martin_box)
    with CaptureQueriesContext(connection) as queries:
        (found,) = claim_letters(PRACTICE_DOMAIN, 1)
    asked = [
        one["sql"]
        for one in queries.captured_queries
        if one["sql"].startswith("SELECT") and found.token in one["sql"]
    ]
    assert asked
    for sql in asked:
        assert "'in_flight'" in sql
    assert claimed_with(found.token).count() == 1
