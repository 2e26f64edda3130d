"""The notice of a failure: a report software can read, a sentence its sender can, no content."""

import pytest

from tests.factories.letters import PETIT
from tests.factories.outbox import make_delivery
from webmail.inbound.files import read_spooled
from webmail.inbound.tasks import drain_spool
from webmail.mailbox.reading import author_of, read_message, subject_of
from webmail.mime.reports import parse_report
from webmail.models import Blob, DeliveryState, InboundMessage, Mailbox, Message
from webmail.outbound.bounce import fail_and_tell
from webmail.outbound.reasons import cure_of, sentence_of
from webmail.store.blobs import write_blob
from webmail.tracking import Outcome

pytestmark = pytest.mark.django_db(databases="__all__")


def told(delivery):
    outcome = Outcome(
        reason=delivery.reason,
        smtp_code=delivery.smtp_code,
        enhanced_code=delivery.enhanced_code,
        diagnostic=delivery.diagnostic,
    )
    fail_and_tell(delivery, outcome, lambda: None)
    inbound = InboundMessage.objects.get()
    assert inbound.envelope_from == ""
    assert inbound.recipients.get().mailbox == delivery.message.mailbox
    return read_spooled(inbound)


@pytest.fixture
def failed(martin_box):
    return make_delivery(
        martin_box,
        state=DeliveryState.FAILED,
        reason="mailbox_full",
        smtp_code=552,
        enhanced_code="5.2.2",
        diagnostic="over quota",
    )


def test_notice_is_a_report_on_that_letter_and_recipient(failed):
    report = parse_report(told(failed))
    assert report is not None
    assert report.original_message_id == failed.message.rfc_message_id
    (status,) = report.recipients
    assert (status.recipient, status.action, status.status) == (PETIT, "failed", "5.2.2")
    assert "552" in status.diagnostic
    assert "over quota" in status.diagnostic


def test_notice_holds_the_headers_and_nothing_of_the_body(failed):
    raw = told(failed)
    assert b"Subject: Avis" in raw
    assert b"PLANTED-BODY-7731" not in raw


def test_notice_says_in_the_sites_language_what_to_do(failed, martin_box):
    told(failed)
    drain_spool()
    notice = Message.objects.get(state="received")
    text = read_message(notice).text
    assert PETIT in text
    assert sentence_of("mailbox_full") in text
    assert cure_of("mailbox_full", is_final=True) in text
    assert subject_of(notice)
    assert author_of(notice).address == "mailer-daemon@ch-valbrune.mssante.example"


def test_failure_without_a_permanent_code_is_still_reported_as_one(martin_box):
    expired = make_delivery(
        martin_box,
        state=DeliveryState.FAILED,
        reason="expired",
        smtp_code=451,
        enhanced_code="4.3.0",
    )
    report = parse_report(told(expired))
    assert report is not None
    assert report.recipients[0].status == "5.0.0"


def test_senders_full_box_still_gets_its_notice(failed, martin_box):
    Mailbox.objects.filter(pk=martin_box.pk).update(used_bytes=martin_box.quota_bytes)
    told(failed)
    drain_spool()
    assert Message.objects.filter(state="received", mailbox=martin_box).count() == 1


@pytest.mark.parametrize("source", [b"Subject: seul\r\n", b"", b"\r\n\r\n", b"x" * 5000])
def test_letter_of_an_odd_shape_is_reported_all_the_same(failed, source):
    message = failed.message
    message.source = write_blob(message.mailbox, source)
    message.save()
    assert Blob.objects.exists()
    assert parse_report(told(failed)) is not None
