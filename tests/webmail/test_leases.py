"""A claim stays alive as long as its conversation, and only its own holder's."""

import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError
from django.utils import timezone

from tests.factories.outbox import claim, make_delivery
from webmail import leases, tracking
from webmail.leases import kept_lease
from webmail.models import Delivery

TOKEN = "t" * 32


@pytest.fixture
def claimed(settings, martin_box):
    settings.LEASE_SECONDS = 0.15
    delivery = make_delivery(martin_box)
    claim(delivery, token=TOKEN, until=timezone.now() + timedelta(seconds=0.15))
    return delivery


def rows_of(delivery):
    return Delivery.objects.filter(pk=delivery.pk)


def until_of(delivery):
    return Delivery.objects.get(pk=delivery.pk).lease_until


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_lease_is_renewed_by_a_thread_until_the_block_ends(claimed):
    first = until_of(claimed)
    with kept_lease(rows_of(claimed), TOKEN):
        deadline = time.monotonic() + 5
        while until_of(claimed) <= first and time.monotonic() < deadline:
            time.sleep(0.02)
        assert until_of(claimed) > first
        assert [one.name for one in threading.enumerate()].count("lease") == 1
    assert "lease" not in [one.name for one in threading.enumerate()]


@pytest.mark.django_db(databases="__all__")
def test_only_the_holders_lease_is_renewed(claimed):
    first = until_of(claimed)
    leases._renew(rows_of(claimed), "another")
    assert until_of(claimed) == first
    leases._renew(rows_of(claimed), TOKEN)
    assert until_of(claimed) > first


@pytest.mark.django_db(databases="__all__")
def test_lease_that_ended_with_an_outcome_is_not_taken_up_again(claimed):
    tracking.accept(claimed, tracking.Outcome(), token=TOKEN)
    leases._renew(rows_of(claimed), TOKEN)
    assert until_of(claimed) is None


def test_renewal_that_fails_is_tried_again(settings, monkeypatch):
    settings.LEASE_SECONDS = 0.03
    tries, enough = [], threading.Event()

    def fail(*_args):
        tries.append(1)
        if len(tries) == 2:
            enough.set()
        raise DatabaseError

    monkeypatch.setattr(leases, "_renew", fail)
    monkeypatch.setattr(leases, "close_old_connections", lambda: None)
    with kept_lease(Delivery.objects.none(), TOKEN):
        assert enough.wait(5)


@pytest.fixture
def steady(monkeypatch, settings):
    """A clock that this test sets."""
    settings.LEASE_SECONDS = 30
    clock = SimpleNamespace(wall=1_000_000.0, steady=500.0)
    monkeypatch.setattr(
        leases, "time", SimpleNamespace(time=lambda: clock.wall, monotonic=lambda: clock.steady)
    )
    monkeypatch.setattr(leases._Clock, "ahead", clock.wall - clock.steady)
    monkeypatch.setattr(leases._Clock, "doubted_until", 0.0)
    return clock


def pass_time(clock, seconds, *, jump=0):
    clock.steady += seconds
    clock.wall += seconds + jump
    return leases.can_judge_leases()


@pytest.mark.parametrize("jump", [3600, 24 * 3600])
def test_leases_say_nothing_for_a_while_after_the_clock_was_put_forward(steady, jump):
    assert pass_time(steady, 0)
    assert pass_time(steady, 5)
    assert not pass_time(steady, 5, jump=jump)
    assert not pass_time(steady, 29)
    assert pass_time(steady, 2)


def test_clock_put_forward_before_the_first_look_is_noticed(steady):
    assert not pass_time(steady, 1, jump=24 * 3600)
    assert pass_time(steady, 31)


def test_leases_are_judged_as_ever_after_the_clock_was_put_back(steady):
    assert pass_time(steady, 0)
    assert pass_time(steady, 5, jump=-3600)
    assert pass_time(steady, 5, jump=0.5)


@pytest.mark.django_db(databases="__all__")
def test_no_lease_reaches_further_than_we_make_them(claimed, settings):
    settings.LEASE_SECONDS = 30
    now = timezone.now()
    for distance, longest in ((24 * 3600, 31), (45, 46)):
        rows_of(claimed).update(lease_until=now + timedelta(seconds=distance))
        leases.shorten_leases(Delivery.objects.all())
        assert until_of(claimed) <= now + timedelta(seconds=longest)
        assert until_of(claimed) > now + timedelta(seconds=min(distance, longest) - 5)
