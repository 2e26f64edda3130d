"""Peers in trouble: one row, one failure at a time, nothing left when it is over."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from webmail.models import PeerState
from webmail.outbound.troubles import (
    forget_old_troubles,
    forget_trouble,
    note_trouble,
    trouble_of,
    troubled_domains,
)

pytestmark = pytest.mark.django_db(databases="__all__")
LABO, OTHER = "labo.mssante.example", "autre.mssante.example"


def test_peer_that_works_has_no_row():
    assert trouble_of(LABO) is None
    assert troubled_domains() == set()
    forget_trouble(LABO)


def test_failures_follow_the_plan_and_remember_since_when(settings):
    settings.RETRY_PLAN_MINUTES = [1, 5]
    start = timezone.now()
    waits = []
    with time_machine.travel(start, tick=False) as clock:
        for reason in ("timeout", "unreachable", "greeting", "timeout"):
            waits.append(note_trouble(LABO, reason) - timezone.now())
            state = PeerState.objects.get()
            assert (state.domain, state.reason, state.failing_since) == (LABO, reason, start)
            assert state.failures == len(waits)
            clock.move_to(state.retry_at)
    assert waits == [timedelta(minutes=m) for m in (1, 5, 60, 60)]


def test_failure_while_it_is_left_alone_is_not_counted_again():
    first = note_trouble(LABO, "timeout")
    assert note_trouble(LABO, "unreachable") == first
    state = PeerState.objects.get()
    assert (state.failures, state.reason) == (1, "timeout")


def test_trouble_of_one_is_not_that_of_another():
    note_trouble(LABO, "timeout")
    assert trouble_of(OTHER) is None
    note_trouble(OTHER, "timeout")
    forget_trouble(LABO)
    assert troubled_domains() == {OTHER}


def test_after_success_the_plan_begins_anew():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(4):
            note_trouble(LABO, "timeout")
            clock.shift(timedelta(hours=2))
        forget_trouble(LABO)
        assert note_trouble(LABO, "timeout") - timezone.now() == timedelta(minutes=1)


def test_trouble_nobody_asked_after_for_long_is_forgotten(settings):
    note_trouble(LABO, "timeout")
    note_trouble(OTHER, "timeout")
    limit = timezone.now() - timedelta(hours=settings.RETRY_EXPIRY_HOURS)
    PeerState.objects.filter(domain=LABO).update(retry_at=limit - timedelta(minutes=1))
    PeerState.objects.filter(domain=OTHER).update(retry_at=limit + timedelta(minutes=1))
    forget_old_troubles()
    assert troubled_domains() == {OTHER}


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_workers_that_fail_at_once_fail_once():
    start, moments = threading.Barrier(4), []

    def fail():
        try:
            start.wait(10)
            moments.append(note_trouble(LABO, "timeout"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(moments) == 4
    assert len(set(moments)) == 1
    assert PeerState.objects.get().failures == 1
