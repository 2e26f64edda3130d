"""Reports to those who sent us letters: written once, sent with no sender, shown to nobody here."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from accounts.audit.models import AuditEvent
from directory.trust.whitelist import refresh_whitelist
from tests.factories.letters import PETIT, make_letter, receive
from tests.factories.outbox import claim, make_delivery
from tests.factories.people import make_mailbox
from tests.factories.spooled import process, spool
from tests.factories.visitors import PRACTICE_DOMAIN, browser_of
from tests.webmail.inbound.test_reports import dsn
from webmail import tracking
from webmail.inbound.esmtp import ReportAsked
from webmail.mailbox.outbox import count_waiting, list_outbox, waiting_of
from webmail.mailbox.reading import source_of
from webmail.mime.reports import parse_report
from webmail.models import (
    AutomaticMessage,
    AutomaticState,
    Delivery,
    DeliveryState,
    Folder,
    InboundMessage,
    Mailbox,
    Message,
    MessageState,
    SpoolState,
    Thread,
)
from webmail.outbound import automatic
from webmail.outbound.automatic import give_up_set_aside, send_automatic, sweep_automatic
from webmail.outbound.bounce import fail_and_tell
from webmail.outbound.envelopes import envelope_name, envelope_sender, reports_wanted
from webmail.outbound.overdue import expire_old, tell_of_delays
from webmail.store.sealed import seal_text
from webmail.tracking import Outcome

pytestmark = pytest.mark.django_db(databases="__all__")

ASKED = ReportAsked(("SUCCESS", "FAILURE"), "rfc822;C.Martin+x@ancien.example")


def hours_ago(hours):
    return timezone.now() - timedelta(hours=hours, minutes=1)


@pytest.fixture
def deposited(trust_space, martin_box):
    """A letter whose sender asked for a report lies in its box."""

    def bring(**fields):
        inbound = spool(martin_box, **{"asked": ASKED, "envelope_id": "QQ+314159", **fields})
        process(inbound.pk)
        return inbound

    return bring


@pytest.fixture
def set_aside(trust_space, martin_box):
    def bring(*, hours, **fields):
        inbound = spool(martin_box, **fields)
        InboundMessage.objects.filter(pk=inbound.pk).update(
            state=SpoolState.SET_ASIDE, received_at=hours_ago(hours)
        )
        return inbound

    return bring


def sent():
    """The one automatic letter there is."""
    return Message.objects.select_related("mailbox", "source").get(state=MessageState.AUTOMATIC)


def test_report_says_what_rfc_3464_wants_and_holds_no_content(deposited, martin_box):
    deposited(raw=make_letter(text="PLANTED-BODY-4410"))
    send_automatic()
    raw = source_of(sent())
    report = parse_report(raw)
    assert report is not None
    assert report.original_message_id == "lettre-1@cabinet-tilleuls.mssante.example"
    assert report.original_envelope_id == "QQ+314159"
    (status,) = report.recipients
    assert (status.recipient, status.final) == ("C.Martin+x@ancien.example", martin_box.address)
    assert (status.action, status.status) == ("delivered", "2.0.0")
    assert b"Original-Recipient: rfc822; C.Martin+x@ancien.example\r\n" in raw
    assert b"\r\nArrival-Date: " in raw
    assert b"Subject: Avis cardiologique" in raw
    assert b"Auto-Submitted: auto-replied" in raw
    assert b"PLANTED-BODY-4410" not in raw


def test_report_goes_out_as_a_delivery_like_any_other_with_no_sender(deposited):
    deposited()
    send_automatic()
    letter = sent()
    delivery = letter.deliveries.get()
    assert (delivery.domain, delivery.recipient.address) == (PRACTICE_DOMAIN, PETIT)
    assert (delivery.state, delivery.next_attempt_at is not None) == ("queued", True)
    assert envelope_sender(letter) == envelope_name(letter) == ""
    assert reports_wanted(letter) == ("NEVER",)
    wish = AutomaticMessage.objects.get()
    assert (wish.state, wish.message) == (AutomaticState.SENT, letter)
    event = AuditEvent.objects.get(event="automatic:message:sent")
    assert event.message_id == letter.pk
    assert event.detail["kind"] == "delivered"
    send_automatic()
    assert Message.objects.filter(state=MessageState.AUTOMATIC).count() == 1


def test_other_letters_have_their_sender_a_name_and_wishes(martin_box, settings):
    letter = make_delivery(martin_box).message
    assert envelope_sender(letter) == martin_box.address
    assert envelope_name(letter).startswith(f"{letter.pk}.")
    assert reports_wanted(letter) == tuple(settings.DSN_NOTIFY)


def test_nobody_here_sees_it(deposited, martin_box, dr_martin):
    inbound = deposited()
    martin_box.refresh_from_db()
    before = (martin_box.unread, martin_box.used_bytes)
    send_automatic()
    letter = sent()
    martin_box.refresh_from_db()
    assert (martin_box.unread, martin_box.used_bytes) == before
    assert (letter.folder, letter.thread) == (None, None)
    assert count_waiting(martin_box) == 0
    assert list_outbox(martin_box).deliveries == ()
    assert not waiting_of(martin_box).exists()
    browser = browser_of(dr_martin)
    for address in (f"/messages/{letter.pk}/original/", f"/messages/{letter.pk}/corps/"):
        assert browser.get(address).status_code == 404
    answering = browser.get(f"/messages/ecrire/?repondre={letter.pk}")
    assert PETIT not in answering.content.decode()
    for role in ("inbox", "sent", "drafts", "trash", "archive"):
        page = browser.get(f"/boites/{martin_box.pk}/{role}/")
        assert page.status_code == 200
        assert "mailer-daemon" not in page.content.decode()
    assert inbound.recipients.count() == 1


def test_answer_to_it_finds_no_conversation(deposited, martin_box):
    deposited()
    send_automatic()
    letter = sent()
    answer = make_letter(message_id="2@x.example", In_Reply_To=f"<{letter.rfc_message_id}>")
    received = receive(martin_box, answer)
    assert received.thread.messages.count() == 1


@pytest.mark.parametrize(
    ("state", "has_folder", "has_thread"),
    [
        ("automatic", True, False),
        ("automatic", False, True),
        ("sent", False, True),
        ("received", False, True),
        ("draft", False, False),
    ],
)
def test_database_lets_only_machines_letters_lie_nowhere(martin_box, state, has_folder, has_thread):
    folder = Folder.objects.filter(mailbox=martin_box).first() if has_folder else None
    thread = Thread.objects.create(mailbox=martin_box) if has_thread else None
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.create(
            mailbox=martin_box, state=state, folder=folder, thread=thread, at=timezone.now()
        )


def test_whom_only_a_header_names_learns_nothing_of_the_letter(deposited):
    deposited(
        asked=ReportAsked(),
        raw=make_letter(Return_Receipt_To=f"anne.roy@{PRACTICE_DOMAIN}"),
        peer_dn="",
    )
    assert not AutomaticMessage.objects.exists()
    deposited(raw=make_letter(message_id="2@x.example"))
    wish = AutomaticMessage.objects.get()
    mailbox = wish.recipient.mailbox
    wish.sealed_to = seal_text(mailbox, "automatic_to", f"anne.roy@{PRACTICE_DOMAIN}")
    wish.save()
    send_automatic()
    raw = source_of(sent())
    report = parse_report(raw)
    assert report is not None
    assert report.original_message_id == "2@x.example"
    assert b"Avis cardiologique" not in raw


@pytest.mark.parametrize(
    "to", ["ami@hors-espace.example", "279017812345678@patient.mssante.fr", "pas une adresse", ""]
)
def test_whoever_cannot_be_written_to_is_not(deposited, to):
    deposited()
    wish = AutomaticMessage.objects.get()
    wish.sealed_to = seal_text(wish.recipient.mailbox, "automatic_to", to)
    wish.save()
    send_automatic()
    wish.refresh_from_db()
    assert (wish.state, wish.message) == (AutomaticState.DROPPED, None)
    assert not Message.objects.filter(state=MessageState.AUTOMATIC).exists()
    event = AuditEvent.objects.get(event="automatic:message:dropped")
    assert event.detail["reason"]


def test_address_the_list_knows_and_a_header_cannot_hold_is_dropped(deposited):
    deposited()
    wish = AutomaticMessage.objects.get()
    to = f'"a b"@{PRACTICE_DOMAIN}'
    wish.sealed_to = seal_text(wish.recipient.mailbox, "automatic_to", to)
    wish.save()
    send_automatic()
    event = AuditEvent.objects.get(event="automatic:message:dropped")
    assert event.detail["reason"] == "malformed_address"


def test_damaged_letter_is_reported_on_by_its_identifier(deposited):
    deposited()
    letter = Message.objects.get(state=MessageState.RECEIVED)
    assert letter.source is not None
    letter.source.content = bytes(letter.source.content)[:-3]
    letter.source.save()
    send_automatic()
    report = parse_report(source_of(sent()))
    assert report is not None
    assert report.original_message_id == letter.rfc_message_id


def test_its_own_failure_is_told_to_nobody(deposited, martin_box):
    deposited()
    send_automatic()
    delivery = sent().deliveries.select_related("message__mailbox", "recipient").get()
    claim(delivery, token="t" * 32, until=timezone.now() + timedelta(minutes=1))
    outcome = Outcome(reason="unknown_recipient", smtp_code=550, enhanced_code="5.1.1")
    spooled = InboundMessage.objects.count()
    fail_and_tell(delivery, outcome, lambda: tracking.fail(delivery, outcome, token="t" * 32))
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.FAILED
    assert AuditEvent.objects.filter(event="delivery:state:failed").count() == 1
    assert InboundMessage.objects.count() == spooled


def test_its_delay_and_its_end_are_told_to_nobody(deposited):
    deposited()
    send_automatic()
    spooled = InboundMessage.objects.count()
    Delivery.objects.update(created_at=hours_ago(5))
    tell_of_delays()
    Delivery.objects.update(created_at=hours_ago(49))
    expire_old()
    assert Delivery.objects.get().state == DeliveryState.FAILED
    assert InboundMessage.objects.count() == spooled


def test_report_on_our_report_moves_nothing(deposited):
    deposited()
    send_automatic()
    letter = sent()
    assert envelope_name(letter) == ""
    inbound = spool(letter.mailbox, raw=dsn("failed", original=letter.rfc_message_id))
    InboundMessage.objects.filter(pk=inbound.pk).update(envelope_from="")
    process(inbound.pk)
    assert letter.deliveries.get().state == DeliveryState.QUEUED


# What lies in the spool and cannot be deposited


def test_message_set_aside_is_waited_for_then_reported_failed(set_aside):
    raw = make_letter(text="PLANTED-BODY-4410")
    inbound = set_aside(hours=1, asked=ASKED, envelope_id="QQ", raw=raw)
    sweep_automatic()
    assert not AutomaticMessage.objects.exists()
    InboundMessage.objects.update(received_at=hours_ago(48))
    sweep_automatic()
    sweep_automatic()
    wish = AutomaticMessage.objects.get()
    assert (wish.kind, wish.state, wish.recipient.inbound) == ("failed", "sent", inbound)
    content = source_of(sent())
    report = parse_report(content)
    assert report is not None
    assert report.original_message_id == "lettre-1@cabinet-tilleuls.mssante.example"
    assert report.original_envelope_id == "QQ"
    assert (report.recipients[0].action, report.recipients[0].status) == ("failed", "5.3.0")
    assert b"PLANTED-BODY-4410" not in content
    inbound.refresh_from_db()
    assert inbound.state == SpoolState.SET_ASIDE


@pytest.mark.parametrize(
    ("notify", "kinds"),
    [
        ((), ["failed"]),
        (("FAILURE",), ["failed"]),
        (("FAILURE", "DELAY"), ["delayed", "failed"]),
        (("DELAY",), ["delayed"]),
        (("SUCCESS",), []),
        (("NEVER",), []),
    ],
)
def test_sender_is_told_what_they_asked_for(set_aside, notify, kinds):
    set_aside(hours=5, asked=ReportAsked(notify))
    sweep_automatic()
    early = list(AutomaticMessage.objects.values_list("kind", flat=True))
    assert early == [kind for kind in kinds if kind == "delayed"]
    InboundMessage.objects.update(received_at=hours_ago(48))
    sweep_automatic()
    assert list(AutomaticMessage.objects.order_by("pk").values_list("kind", flat=True)) == kinds
    actions = set()
    for letter in Message.objects.filter(state="automatic").select_related("mailbox", "source"):
        report = parse_report(source_of(letter))
        assert report is not None
        actions.add(report.recipients[0].action)
    assert actions == set(kinds)


def test_report_set_aside_is_not_reported_on(set_aside):
    set_aside(hours=49, envelope_from="")
    sweep_automatic()
    assert not AutomaticMessage.objects.exists()
    set_aside(hours=49, raw=dsn("failed"))
    sweep_automatic()
    assert AutomaticMessage.objects.get().state == AutomaticState.DROPPED
    assert not Message.objects.exists()


def test_what_cannot_even_be_read_is_reported_failed(set_aside):
    inbound = set_aside(hours=49, envelope_id="QQ")
    InboundMessage.objects.update(content=b"damaged")
    sweep_automatic()
    report = parse_report(source_of(sent()))
    assert report is not None
    assert (report.original_message_id, report.original_envelope_id) == ("", "QQ")
    assert inbound.recipients.get().mailbox == sent().mailbox


def test_letter_of_our_own_house_fails_for_its_sender(set_aside, martin_box):
    sender = make_mailbox("cardiologie", "Cardiologie", kind="ORG")
    delivery = make_delivery(sender, state=DeliveryState.ACCEPTED, address=martin_box.address)
    set_aside(hours=49, peer_dn="", envelope_from=sender.address, delivery=delivery)
    sweep_automatic()
    sweep_automatic()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (DeliveryState.FAILED, "not_deposited")
    assert not AutomaticMessage.objects.exists()
    (notice,) = InboundMessage.objects.filter(state=SpoolState.WAITING)
    assert notice.recipients.get().mailbox == sender


def test_letter_delivered_meanwhile_does_not_fail(set_aside, martin_box, monkeypatch):
    sender = make_mailbox("cardiologie", "Cardiologie", kind="ORG")
    delivery = make_delivery(sender, state=DeliveryState.ACCEPTED, address=martin_box.address)
    set_aside(hours=49, peer_dn="", envelope_from=sender.address, delivery=delivery)

    def late(one, outcome, fail):
        tracking.note_delivered(delivery)
        fail_and_tell(one, outcome, fail)

    monkeypatch.setattr("webmail.outbound.automatic.fail_and_tell", late)
    give_up_set_aside()
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED
    assert not InboundMessage.objects.filter(state=SpoolState.WAITING).exists()


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_sweepers_at_once_write_one_letter(in_toy_space, martin_box, monkeypatch):
    refresh_whitelist()
    process(spool(martin_box, asked=ASKED).pk)
    start, errors = threading.Barrier(2), []
    whole = automatic._letter

    def together(wish):
        letter = whole(wish)
        start.wait(10)
        return letter

    monkeypatch.setattr(automatic, "_letter", together)

    def sweep():
        try:
            send_automatic()
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
    assert Message.objects.filter(state=MessageState.AUTOMATIC).count() == 1
    assert Delivery.objects.count() == 1
    assert Mailbox.objects.get(pk=martin_box.pk).unread == 1
