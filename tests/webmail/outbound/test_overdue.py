"""What waits too long: its sender is told once that it does, and once that it ends; in one notice
for a letter.
"""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts.audit.models import AuditEvent
from tests.factories.letters import PETIT
from tests.factories.outbox import ROY, make_delivery
from webmail.inbound.files import read_spooled
from webmail.inbound.spool import prepare_content
from webmail.inbound.tasks import drain_spool
from webmail.mailbox.reading import read_message, subject_of
from webmail.mime.reports import parse_report
from webmail.models import Delivery, DeliveryState, InboundMessage, Message, Recipient
from webmail.outbound import overdue
from webmail.outbound.bounce import fail_all_and_tell, mark_delay_told, tell_of_delay
from webmail.outbound.overdue import expire_old, tell_of_delays
from webmail.outbound.reasons import cure_of, sentence_of
from webmail.tracking import WrongTransitionError

pytestmark = pytest.mark.django_db(databases="__all__")


def ago(**span):
    return timezone.now() - timedelta(**span)


@pytest.fixture
def late(martin_box):
    """A letter that waits for longer than its sender should have to guess."""

    def make(**fields):
        row = {
            "state": DeliveryState.DEFERRED,
            "created_at": ago(hours=4, minutes=1),
            "reason": "mailbox_full",
            "smtp_code": 452,
            "enhanced_code": "4.2.2",
            "diagnostic": "over quota",
        }
        return make_delivery(martin_box, **row | fields)

    return make


def also_to(delivery, address, **fields):
    """One more recipient of the same letter."""
    recipient = Recipient.objects.create(
        message=delivery.message, kind="to", position=1, address=address
    )
    other = Delivery.objects.get(pk=delivery.pk)
    other.pk = None
    other.recipient = recipient
    for name, value in fields.items():
        setattr(other, name, value)
    other.save()
    return other


def notices():
    return [read_spooled(one) for one in InboundMessage.objects.order_by("pk")]


def test_sender_is_told_once_in_their_own_box(late, martin_box):
    delivery = late()
    tell_of_delays()
    tell_of_delays()
    (notice,) = InboundMessage.objects.all()
    assert notice.envelope_from == notice.peer_dn == ""
    assert notice.recipients.get().mailbox == martin_box
    delivery.refresh_from_db()
    assert delivery.delay_told_at is not None
    assert (delivery.state, delivery.attempts) == (DeliveryState.DEFERRED, 0)
    assert AuditEvent.objects.get(event="delivery:delay:told").detail == {"delivery": delivery.pk}


def test_notice_is_a_report_that_says_delayed(late):
    delivery = late()
    tell_of_delays()
    (raw,) = notices()
    report = parse_report(raw)
    assert report is not None
    assert report.original_message_id == delivery.message.rfc_message_id
    (status,) = report.recipients
    assert (status.recipient, status.action, status.status) == (PETIT, "delayed", "4.2.2")
    assert "over quota" in status.diagnostic
    assert b"PLANTED-BODY-7731" not in raw


def test_notice_says_why_and_until_when_and_what_to_do(late):
    delivery = late()
    tell_of_delays()
    drain_spool()
    notice = Message.objects.get(state="received")
    text = read_message(notice).text
    limit = timezone.localtime(delivery.created_at + timedelta(hours=48))
    assert limit.strftime("%d/%m/%Y %H:%M") in text
    assert PETIT in text
    assert sentence_of("mailbox_full") in text
    assert cure_of("mailbox_full", is_final=False) in text
    assert "appelez votre correspondant" in text
    assert "En retard" in subject_of(notice)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (DeliveryState.DEFERRED, "mailbox_full")


@pytest.mark.parametrize(
    "fields",
    [
        {"created_at": ago(hours=3)},
        {"state": DeliveryState.IN_FLIGHT},
        {"state": DeliveryState.ACCEPTED},
        {"state": DeliveryState.FAILED},
        {"state": DeliveryState.CANCELLED},
        {"delay_told_at": ago(hours=1)},
    ],
)
def test_nobody_is_told_of_what_is_young_or_done_or_told(late, fields):
    late(**fields)
    tell_of_delays()
    assert not InboundMessage.objects.exists()


def test_hours_are_a_setting(late, settings):
    late()
    settings.DELAY_NOTICE_HOURS = 5
    tell_of_delays()
    assert notices() == []


def test_letter_that_was_never_tried_is_told_of_too(late):
    late(state=DeliveryState.QUEUED, reason="", smtp_code=None, enhanced_code="", diagnostic="")
    tell_of_delays()
    (raw,) = notices()
    report = parse_report(raw)
    assert report is not None
    assert report.recipients[0].status == "4.0.0"


def test_letter_to_several_makes_one_notice(late):
    first = late()
    also_to(first, ROY, reason="timeout", smtp_code=None, enhanced_code="")
    also_done = late(state=DeliveryState.ACCEPTED)
    tell_of_delays()
    (raw,) = notices()
    report = parse_report(raw)
    assert report is not None
    assert [one.recipient for one in report.recipients] == [PETIT, ROY]
    assert Delivery.objects.filter(delay_told_at__isnull=False).count() == 2
    also_done.refresh_from_db()
    assert also_done.delay_told_at is None


def test_recipient_that_is_late_later_is_told_of_by_itself(late):
    first = late()
    second = also_to(first, ROY, created_at=ago(hours=1))
    tell_of_delays()
    Delivery.objects.filter(pk=second.pk).update(created_at=ago(hours=5))
    tell_of_delays()
    told = []
    for raw in notices():
        report = parse_report(raw)
        assert report is not None
        told.append([one.recipient for one in report.recipients])
    assert told == [[PETIT], [ROY]]


def test_mark_and_notice_are_written_both_or_neither(late, monkeypatch):
    delivery = late()

    def no_room(*_args):
        raise OSError("no room")

    monkeypatch.setattr("webmail.outbound.bounce.commit_to_spool", no_room)
    with pytest.raises(OSError, match="no room"):
        tell_of_delays()
    delivery.refresh_from_db()
    assert delivery.delay_told_at is None
    assert not AuditEvent.objects.filter(event="delivery:delay:told").exists()
    monkeypatch.undo()
    tell_of_delays()
    assert len(notices()) == 1


def test_letter_that_left_meanwhile_is_not_told_of(late, monkeypatch):
    delivery = late()

    def slow(deliveries):
        Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.IN_FLIGHT)
        tell_of_delay(deliveries)

    monkeypatch.setattr("webmail.outbound.overdue.tell_of_delay", slow)
    tell_of_delays()
    delivery.refresh_from_db()
    assert delivery.delay_told_at is None
    assert not InboundMessage.objects.exists()


def test_mark_needs_every_row(late):
    told, untold = late(delay_told_at=ago(hours=1)), late()
    with pytest.raises(WrongTransitionError):
        mark_delay_told([told, untold])
    untold.refresh_from_db()
    assert untold.delay_told_at is None


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.parametrize("deed", [tell_of_delays, expire_old])
def test_two_sweepers_at_once_write_one_notice(late, monkeypatch, deed):
    late(created_at=ago(hours=49))
    start, errors = threading.Barrier(2), []

    def together(content):
        file = prepare_content(content)
        start.wait(10)
        return file

    monkeypatch.setattr("webmail.outbound.bounce.prepare_content", together)

    def sweep():
        try:
            deed()
        except Exception as error:  # noqa: BLE001  (The test says which.)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert InboundMessage.objects.count() == 1


# The end


def test_letter_given_up_for_several_makes_one_notice(late):
    first = late(created_at=ago(hours=49))
    also_to(first, ROY, reason="untrusted_peer", smtp_code=None, enhanced_code="")
    expire_old()
    (raw,) = notices()
    report = parse_report(raw)
    assert report is not None
    assert [(one.recipient, one.action) for one in report.recipients] == [
        (PETIT, "failed"),
        (ROY, "failed"),
    ]
    assert set(Delivery.objects.values_list("state", "reason")) == {("failed", "expired")}
    drain_spool()
    text = read_message(Message.objects.get(state="received")).text
    assert sentence_of("mailbox_full") in text
    # What stood in the way is said, though no peer said it.
    assert sentence_of("untrusted_peer") in text
    assert "réessayé" not in text


def test_end_is_written_for_all_or_none_of_a_letter(late, monkeypatch):
    first = late(created_at=ago(hours=49))
    second = also_to(first, ROY)

    def slow(fates, fail):
        Delivery.objects.filter(pk=second.pk).update(
            state=DeliveryState.IN_FLIGHT, lease_until=timezone.now() + timedelta(minutes=1)
        )
        fail_all_and_tell(fates, fail)

    monkeypatch.setattr("webmail.outbound.overdue.fail_all_and_tell", slow)
    expire_old()
    first.refresh_from_db()
    assert first.state == DeliveryState.DEFERRED
    assert not InboundMessage.objects.exists()
    monkeypatch.undo()
    expire_old()
    first.refresh_from_db()
    assert first.state == DeliveryState.FAILED
    assert len(notices()) == 1


def test_letter_that_does_not_open_ends_all_the_same(late, caplog):
    damaged = late(created_at=ago(hours=49))
    source = damaged.message.source
    assert source is not None
    source.content = bytes(source.content)[:-3]
    source.save()
    expire_old()
    damaged.refresh_from_db()
    assert damaged.state == DeliveryState.FAILED
    report = parse_report(notices()[0])
    assert report is not None
    assert report.original_message_id == damaged.message.rfc_message_id
    assert "event=source_damaged" in caplog.text


def test_sweep_takes_a_share_at_a_time(late, monkeypatch):
    monkeypatch.setattr(overdue, "_MOST_A_SWEEP", 2)
    for _ in range(3):
        late()
    tell_of_delays()
    assert len(notices()) == 2
    tell_of_delays()
    assert len(notices()) == 3
