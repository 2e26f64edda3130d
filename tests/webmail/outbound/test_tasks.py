"""The bell and the sweep: a bell that cannot ring loses nothing, a sweep finds what is due, lost or
too old, and two at once do no harm.
"""

import logging
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.audit.models import AuditEvent
from tests.factories.letters import MARTIN, PETIT
from tests.factories.outbox import claim, make_delivery
from webmail import leases, tracking
from webmail.inbound import spool
from webmail.models import Delivery, DeliveryState, InboundMessage, PeerState
from webmail.outbound import tasks
from webmail.outbound.tasks import drain_peer, ring_domain, sweep_outbox

pytestmark = pytest.mark.django_db(databases="__all__")

OTHER = "a@labo.mssante.example"


@pytest.fixture
def bell(monkeypatch):
    rung: list[str] = []
    monkeypatch.setattr(tasks, "ring_domain", rung.append)
    return rung


def ago(**span):
    return timezone.now() - timedelta(**span)


@pytest.mark.parametrize(
    "error", [OperationalError("down"), ConnectionRefusedError(), OSError("full")]
)
def test_bell_that_cannot_ring_is_noted_and_swallowed(monkeypatch, caplog, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(drain_peer, "apply_async", fail)
    with caplog.at_level(logging.WARNING):
        ring_domain("labo.mssante.example")
    assert f"event=bell_failed queue=outbound error={type(error).__name__}" in caplog.text


def test_bell_is_rung_without_waiting_for_a_broker(monkeypatch):
    rung = []
    monkeypatch.setattr(
        drain_peer, "apply_async", lambda *args, **options: rung.append((args, options))
    )
    ring_domain("labo.mssante.example")
    assert rung == [((("labo.mssante.example",),), {"retry": False})]


def test_sweep_rings_each_due_domain_once(martin_box, bell):
    make_delivery(martin_box)
    make_delivery(martin_box)
    make_delivery(martin_box, address=OTHER, state=DeliveryState.DEFERRED)
    sweep_outbox()
    assert bell == ["cabinet-tilleuls.mssante.example", "labo.mssante.example"]


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (DeliveryState.QUEUED, timedelta(minutes=1)),
        (DeliveryState.DEFERRED, timedelta(minutes=1)),
        (DeliveryState.IN_FLIGHT, None),
        (DeliveryState.ACCEPTED, None),
        (DeliveryState.FAILED, None),
        (DeliveryState.CANCELLED, None),
    ],
)
def test_sweep_leaves_alone_what_is_not_due(martin_box, bell, state, due):
    later = None if due is None else timezone.now() + due
    row = make_delivery(
        martin_box, state=state, next_attempt_at=later, lease_until=timezone.now() + timedelta(1)
    )
    sweep_outbox()
    assert bell == []
    assert Delivery.objects.get(pk=row.pk).state == state


@pytest.mark.parametrize("dot_left", [False, True])
def test_dead_lease_is_given_back_and_doubted_only_after_the_dot(martin_box, bell, dot_left):
    row = make_delivery(martin_box)
    claim(row, token="t" * 32, until=ago(seconds=1))
    if dot_left:
        tracking.note_final_dot(row, token="t" * 32)
    sweep_outbox()
    row.refresh_from_db()
    assert (row.state, row.is_uncertain, row.lease_token) == ("queued", dot_left, "")
    assert bell == [row.domain]


def test_letter_of_two_days_fails_and_its_sender_is_told(martin_box, bell):
    old = make_delivery(
        martin_box,
        state=DeliveryState.DEFERRED,
        created_at=ago(hours=48, minutes=1),
        smtp_code=451,
        diagnostic="busy",
    )
    young = make_delivery(
        martin_box,
        state=DeliveryState.DEFERRED,
        created_at=ago(hours=47, minutes=59),
        delay_told_at=ago(hours=43),
        next_attempt_at=timezone.now() + timedelta(hours=1),
        attempts=1,
    )
    sweep_outbox()
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, old.reason, old.smtp_code, old.diagnostic) == (
        "failed",
        "expired",
        451,
        "busy",
    )
    assert old.next_attempt_at is None
    assert young.state == DeliveryState.DEFERRED
    notice = InboundMessage.objects.get()
    assert notice.recipients.get().mailbox == martin_box
    assert notice.envelope_from == ""
    assert bell == []


def test_second_sweep_finds_nothing_left_to_do(martin_box, bell):
    make_delivery(martin_box, state=DeliveryState.DEFERRED, created_at=ago(hours=49))
    dead = make_delivery(martin_box)
    claim(dead, token="t" * 32, until=ago(seconds=1))
    sweep_outbox()
    events = AuditEvent.objects.count()
    sweep_outbox()
    assert AuditEvent.objects.count() == events
    assert InboundMessage.objects.count() == 1


def test_two_sweeps_at_once_tell_the_sender_once(martin_box, bell, monkeypatch):
    """The second one looks before the first one writes."""
    make_delivery(martin_box, state=DeliveryState.DEFERRED, created_at=ago(hours=49))
    prepare = spool.prepare_content
    nested: list[bytes] = []

    def slow_prepare(content):
        if not nested:
            nested.append(content)
            sweep_outbox()
        return prepare(content)

    monkeypatch.setattr("webmail.outbound.bounce.prepare_content", slow_prepare)
    sweep_outbox()
    assert nested
    assert InboundMessage.objects.count() == 1


@pytest.mark.usefixtures("martin_box")
def test_task_arguments_hold_no_address():
    assert MARTIN not in repr(drain_peer.s("labo.mssante.example"))
    assert PETIT not in repr(drain_peer.s("labo.mssante.example"))


def test_letter_on_which_workers_keep_dying_waits_and_then_fails(martin_box, bell):
    dead = make_delivery(martin_box, state=DeliveryState.QUEUED, attempts=3)
    claim(dead, token="t" * 32, until=ago(seconds=1))
    sweep_outbox()
    dead.refresh_from_db()
    assert dead.state == DeliveryState.QUEUED
    assert dead.next_attempt_at > ago(seconds=-60)
    claim(dead, token="t" * 32, until=ago(seconds=1))
    Delivery.objects.update(created_at=ago(hours=49))
    sweep_outbox()
    dead.refresh_from_db()
    assert (dead.state, dead.reason) == (DeliveryState.FAILED, "expired")
    assert InboundMessage.objects.count() == 1


def test_failure_and_its_notice_are_written_together(martin_box, bell, monkeypatch):
    make_delivery(martin_box, state=DeliveryState.DEFERRED, created_at=ago(hours=49))

    def no_room(*_args):
        raise OSError("no room")

    monkeypatch.setattr("webmail.outbound.bounce.commit_to_spool", no_room)
    with pytest.raises(OSError, match="no room"):
        sweep_outbox()
    assert Delivery.objects.get().state == DeliveryState.DEFERRED


# Clocks


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.DEFERRED])
def test_letter_waits_no_longer_because_the_clock_was_put_back(martin_box, bell, state):
    far = timezone.now() + timedelta(days=1)
    row = make_delivery(martin_box, state=state, next_attempt_at=far)
    PeerState.objects.create(domain=row.domain, failures=2, failing_since=far, retry_at=far)
    sweep_outbox()
    assert bell == [row.domain]
    assert PeerState.objects.get().retry_at <= timezone.now()


def test_letter_nobody_tried_yet_does_not_wait_an_hour_for_the_clock(martin_box, bell):
    row = make_delivery(martin_box, next_attempt_at=timezone.now() + timedelta(hours=1))
    sweep_outbox()
    assert bell == [row.domain]


def test_wait_that_a_plan_can_have_given_is_kept(martin_box, bell):
    later = timezone.now() + timedelta(hours=1)
    row = make_delivery(martin_box, state=DeliveryState.DEFERRED, next_attempt_at=later, attempts=1)
    sweep_outbox()
    row.refresh_from_db()
    assert (bell, row.next_attempt_at) == ([], later)


def test_claim_of_a_dead_worker_lasts_no_longer_because_the_clock_was_put_back(martin_box, bell):
    row = make_delivery(martin_box)
    claim(row, token="t" * 32, until=timezone.now() + timedelta(days=1))
    sweep_outbox()
    row.refresh_from_db()
    assert row.lease_until <= timezone.now() + timedelta(seconds=30)


def test_clock_put_forward_takes_no_letter_from_a_living_worker(martin_box, bell, monkeypatch):
    row = make_delivery(martin_box)
    claim(row, token="t" * 32, until=ago(hours=1))
    ahead = time.time() - time.monotonic()
    monkeypatch.setattr(leases._Clock, "ahead", ahead - 3600)
    monkeypatch.setattr(leases._Clock, "doubted_until", 0.0)
    sweep_outbox()
    row.refresh_from_db()
    assert (row.state, bell) == (DeliveryState.IN_FLIGHT, [])
    monkeypatch.setattr(leases._Clock, "doubted_until", 0.0)
    sweep_outbox()
    row.refresh_from_db()
    assert row.state == DeliveryState.QUEUED
