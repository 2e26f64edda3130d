"""One message through the worker: done, again later, or set aside; never lost, never twice."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.audit.models import AuditEvent
from tests.factories.letters import MARTIN, make_letter
from tests.factories.people import make_mailbox
from tests.factories.spooled import make_delivery, make_due, spool
from webmail.inbound import pipeline
from webmail.inbound.deposit import deposit_message
from webmail.inbound.files import read_spooled
from webmail.inbound.pipeline import process
from webmail.mime.parse import parse_message
from webmail.models import DeliveryState, InboundMessage, Message, SpoolState

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def petit_box(dr_petit):
    return make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)


class Trouble(Exception):  # noqa: N818  (What it is, in one word.)
    pass


def failing(function, *, times, calls=None):
    """``function`` that raises at its first calls."""
    left = [times]

    def call(*args, **kwargs):
        if calls is not None:
            calls.append(args)
        if left[0]:
            left[0] -= 1
            raise Trouble("ce sujet est secret")
        return function(*args, **kwargs)

    return call


def run(inbound):
    process(inbound.pk)
    inbound.refresh_from_db()
    return inbound


def test_done_message_lies_in_its_box_and_no_longer_in_the_spool(martin_box, spool_folder):
    inbound = run(spool(martin_box))
    assert (inbound.state, inbound.attempts, inbound.lease_token) == (SpoolState.DONE, 1, "")
    recipient = inbound.recipients.get()
    assert recipient.deposited == Message.objects.get()
    assert recipient.deposited_at is not None
    assert list(spool_folder.iterdir()) == []


def test_done_message_is_not_processed_again(martin_box):
    inbound = run(spool(martin_box))
    assert run(inbound).attempts == 1
    process(inbound.pk + 1000)


def test_message_that_is_not_due_waits(martin_box):
    inbound = spool(martin_box)
    InboundMessage.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=5))
    assert run(inbound).attempts == 0


def test_failed_attempt_is_made_again_later(martin_box, monkeypatch):
    monkeypatch.setattr(pipeline, "parse_message", failing(parse_message, times=1))
    inbound = run(spool(martin_box))
    assert (inbound.state, inbound.problem) == (SpoolState.WAITING, "Trouble")
    assert inbound.next_attempt_at > timezone.now()
    assert run(inbound).attempts == 1
    assert run(make_due(inbound)).state == SpoolState.DONE
    assert Message.objects.count() == 1


def test_poisonous_message_is_set_aside_and_stays_readable(
    martin_box, monkeypatch, settings, caplog
):
    monkeypatch.setattr(pipeline, "parse_message", failing(parse_message, times=99))
    raw = make_letter()
    inbound = spool(martin_box, raw=raw)
    for _ in range(settings.SPOOL_POISON_LIMIT):
        assert inbound.state != SpoolState.SET_ASIDE
        run(make_due(inbound))
    assert (inbound.state, inbound.problem) == (SpoolState.SET_ASIDE, "Trouble")
    assert inbound.attempts == settings.SPOOL_POISON_LIMIT
    assert read_spooled(inbound) == raw
    assert AuditEvent.objects.filter(event="inbound:message:set_aside").count() == 1
    assert run(make_due(inbound)).attempts == settings.SPOOL_POISON_LIMIT
    assert not Message.objects.exists()
    assert "secret" not in caplog.text


def test_damaged_file_is_set_aside_and_not_deposited_in_part(martin_box, spool_folder, settings):
    inbound = spool(martin_box)
    path = spool_folder / inbound.name
    path.write_bytes(path.read_bytes()[:-5])
    for _ in range(settings.SPOOL_POISON_LIMIT):
        run(make_due(inbound))
    assert (inbound.state, inbound.problem) == (SpoolState.SET_ASIDE, "DamagedContentError")
    assert not Message.objects.exists()
    assert path.exists()


def test_lease_of_a_living_worker_is_respected(martin_box):
    inbound = spool(martin_box)
    until = timezone.now() + timedelta(seconds=5)
    InboundMessage.objects.update(state=SpoolState.PROCESSING, lease_until=until, lease_token="x")
    assert run(inbound).attempts == 0
    assert not Message.objects.exists()


def test_message_of_a_dead_worker_is_taken_up(martin_box):
    inbound = spool(martin_box)
    until = timezone.now() - timedelta(seconds=1)
    InboundMessage.objects.update(
        state=SpoolState.PROCESSING, lease_until=until, lease_token="x", attempts=1
    )
    assert run(inbound).state == SpoolState.DONE
    assert Message.objects.count() == 1


def test_message_its_workers_die_on_is_set_aside(martin_box, settings):
    inbound = spool(martin_box)
    InboundMessage.objects.update(
        state=SpoolState.PROCESSING,
        lease_until=timezone.now() - timedelta(seconds=1),
        lease_token="x",
        attempts=settings.SPOOL_POISON_LIMIT,
    )
    assert run(inbound).state == SpoolState.SET_ASIDE
    assert inbound.problem == "WorkerDied"
    assert read_spooled(inbound)


def test_worker_that_lost_its_lease_leaves_row_and_file_to_the_other(
    martin_box, monkeypatch, spool_folder
):
    deposit = deposit_message

    def slow_deposit(*args):
        InboundMessage.objects.update(lease_token="another worker's")
        return deposit(*args)

    monkeypatch.setattr(pipeline, "deposit_message", slow_deposit)
    inbound = run(spool(martin_box))
    assert (inbound.state, inbound.lease_token) == (SpoolState.PROCESSING, "another worker's")
    assert (spool_folder / inbound.name).exists()


def test_crash_between_two_boxes_deposits_once_in_each(martin_box, petit_box, monkeypatch):
    deposit, boxes = deposit_message, []

    def crashing(mailbox, arrival):
        boxes.append(mailbox)
        if len(boxes) == 2:
            raise Trouble
        return deposit(mailbox, arrival)

    monkeypatch.setattr(pipeline, "deposit_message", crashing)
    inbound = run(spool(martin_box, petit_box))
    assert Message.objects.count() == 1
    assert inbound.state == SpoolState.WAITING
    assert run(make_due(inbound)).state == SpoolState.DONE
    assert [Message.objects.filter(mailbox=box).count() for box in (martin_box, petit_box)] == [
        1,
        1,
    ]
    # The box that had its copy was not even asked again.
    assert len(boxes) == 3


def test_crash_after_the_deposit_and_before_its_note_deposits_once(martin_box, monkeypatch):
    deposit = deposit_message

    def crashing(*args):
        deposit(*args)
        raise Trouble

    monkeypatch.setattr(pipeline, "deposit_message", crashing)
    inbound = run(spool(martin_box))
    monkeypatch.setattr(pipeline, "deposit_message", deposit)
    assert run(make_due(inbound)).state == SpoolState.DONE
    message = Message.objects.get()
    assert inbound.recipients.get().deposited == message
    martin_box.refresh_from_db()
    assert martin_box.unread == 1


def test_letter_from_our_own_house_tells_its_delivery(martin_box, petit_box):
    delivery = make_delivery(petit_box, MARTIN)
    inbound = run(spool(martin_box, peer_dn="", delivery=delivery))
    assert inbound.state == SpoolState.DONE
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED
    assert Message.objects.get(mailbox=martin_box).peer == ""
