"""Reports on deliveries, over real sockets: peers are asked, peers ask us, and what they answer is
understood.
"""

import pytest
from django.utils import timezone

from mssante.demo.operators import PRACTICE
from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.factories.outbox import PRACTICE_DOMAIN, send
from tests.flows.conftest import peer_context
from tests.flows.inbound import process_all
from tests.peers.wire import Wire
from webmail.mime.reports import compose_report, parse_report
from webmail.mime.types import Address, DeliveryStatus
from webmail.models import (
    AutomaticMessage,
    Delivery,
    DeliveryState,
    InboundRecipient,
    Message,
    MessageState,
)
from webmail.outbound.automatic import sweep_automatic
from webmail.outbound.tasks import drain_peer
from webmail.store.sealed import envelope_id

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

OFFERS = ("STARTTLS", "SIZE 36700160", "8BITMIME", "DSN")
PATIENT = "279017812345678@patient.mssante.fr"


@pytest.fixture
def wire(trust_space, listener):
    with Wire(listener) as wire:
        wire.introduce(peer_context(trust_space, PRACTICE.key, server=False))
        yield wire


def deliver(wire, *, mail="", rcpt="", raw=None):
    assert wire.say(f"MAIL FROM:<{PETIT}>{mail}").startswith("250")
    assert wire.say(f"RCPT TO:<{MARTIN}>{rcpt}").startswith("250")
    assert wire.say("DATA").startswith("354")
    wire.send((raw or make_letter()) + b".\r\n")
    assert wire.last().startswith("250 2.0.0")


def test_reports_are_offered(practice):
    assert practice.has_extn("dsn")


def test_success_asked_of_us_is_reported_to_the_sender_once(wire, martin_box, make_peer):
    peer = make_peer(offers=OFFERS)
    deliver(
        wire,
        mail=" RET=FULL ENVID=QQ+2B314159",
        rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;c.martin+2Bx@ancien.example",
        raw=make_letter(text="PLANTED-BODY-9904"),
    )
    process_all()
    sweep_automatic()
    sweep_automatic()
    drain_peer(PRACTICE_DOMAIN)
    ((sender, recipients, content, is_tls),) = peer.letters
    assert is_tls
    assert sender.startswith("MAIL FROM:<>")
    assert "ENVID" not in sender
    assert recipients == [f"RCPT TO:<{PETIT}> NOTIFY=NEVER"]
    report = parse_report(content)
    assert report is not None
    assert report.original_envelope_id == "QQ+314159"
    assert report.original_message_id == "lettre-1@cabinet-tilleuls.mssante.example"
    assert report.recipients == (
        DeliveryStatus(
            "c.martin+x@ancien.example", "delivered", "2.0.0", "", final=martin_box.address
        ),
    )
    assert b"PLANTED-BODY-9904" not in content
    assert Message.objects.filter(state=MessageState.RECEIVED).count() == 1
    assert Delivery.objects.get().state == DeliveryState.ACCEPTED


@pytest.mark.parametrize("rcpt", ["", " NOTIFY=NEVER", " NOTIFY=FAILURE,DELAY"])
def test_nothing_is_reported_that_was_not_asked(wire, martin_box, rcpt):
    deliver(wire, rcpt=rcpt)
    process_all()
    sweep_automatic()
    assert not AutomaticMessage.objects.exists()


def test_receipt_wanted_by_a_header_is_sent(wire, martin_box, make_peer):
    peer = make_peer()
    deliver(wire, raw=make_letter(Return_Receipt_To=PETIT))
    process_all()
    sweep_automatic()
    drain_peer(PRACTICE_DOMAIN)
    ((_sender, recipients, content, _tls),) = peer.letters
    assert recipients == [f"RCPT TO:<{PETIT}>"]
    assert b"Action: delivered" in content


def test_what_one_letter_asked_is_not_asked_by_the_next(wire, martin_box):
    deliver(wire, mail=" ENVID=un", rcpt=" NOTIFY=NEVER")
    wire.say(f"MAIL FROM:<{PETIT}> ENVID=deux")
    wire.say(f"RCPT TO:<{MARTIN}> NOTIFY=SUCCESS")
    wire.say("RSET")
    deliver(wire, raw=make_letter(message_id="2@x.example"))
    last = InboundRecipient.objects.latest("pk")
    assert (last.notify, bytes(last.sealed_envelope_id)) == ("", b"")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (f"MAIL FROM:<{PETIT}> RET=ALL", "501 5.5.4 malformed RET"),
        (f"MAIL FROM:<{PETIT}> ENVID=a=b", "501 5.5.4 malformed ENVID"),
        (f"MAIL FROM:<{PETIT}> ENVID=a ENVID=b", "501 5.5.4 Syntax: MAIL FROM:<address>"),
        (
            f"MAIL FROM:<{PETIT}> AUTH=<>",
            "555 5.5.4 MAIL FROM parameters not recognized or not implemented",
        ),
    ],
)
def test_malformed_wish_of_a_letter_is_answered(wire, martin_box, line, reply):
    assert wire.say(line) == reply
    assert wire.say(f"MAIL FROM:<{PETIT}>").startswith("250")


@pytest.mark.parametrize(
    ("params", "reply"),
    [
        ("NOTIFY=NEVER,SUCCESS", "501 5.5.4 malformed NOTIFY"),
        ("NOTIFY=SUCCESS NOTIFY=DELAY", "501 5.5.4 Syntax: RCPT TO:<address>"),
        ("ORCPT=personne", "501 5.5.4 malformed ORCPT"),
        ("X=1", "555 5.5.4 RCPT TO parameters not recognized or not implemented"),
    ],
)
def test_malformed_wish_of_a_recipient_is_answered(wire, martin_box, params, reply):
    wire.say(f"MAIL FROM:<{PETIT}>")
    assert wire.say(f"RCPT TO:<{MARTIN}> {params}") == reply
    assert wire.say(f"RCPT TO:<{MARTIN}>").startswith("250")


def test_words_of_a_wish_are_sealed(wire, martin_box):
    deliver(wire, mail=f" ENVID={PATIENT}", rcpt=f" NOTIFY=SUCCESS ORCPT=rfc822;{PATIENT}")
    process_all()
    for model in (InboundRecipient, AutomaticMessage):
        for row in model._default_manager.values_list():
            assert PATIENT.encode() not in b"|".join(
                bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode()
                for one in row
            )


def test_peer_s_word_on_our_letter_is_taken_in_and_makes_no_letter(
    martin_box, dr_martin, make_peer, practice
):
    peer = make_peer(offers=OFFERS)
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    ((sender, recipients, _content, _tls),) = peer.letters
    name = envelope_id(letter)
    assert sender.endswith(f" RET=HDRS ENVID={name}")
    assert recipients == [f"RCPT TO:<{PETIT}> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{PETIT}"]
    report = compose_report(
        from_=Address("", f"mailer-daemon@{PRACTICE_DOMAIN}"),
        to=Address("", martin_box.address),
        reporting_mta="mss.cabinet-tilleuls.example",
        original_message_id="",
        original_headers=b"",
        recipients=[DeliveryStatus(PETIT, "delivered", "2.0.0", "")],
        text="Remis.",
        subject="Remis",
        message_id=f"avis@{PRACTICE_DOMAIN}",
        date=timezone.now(),
        envelope_id=name,
    )
    practice.sendmail("", [MARTIN], report)
    process_all()
    assert letter.deliveries.get().state == DeliveryState.DELIVERED
    assert not Message.objects.filter(state=MessageState.RECEIVED).exists()
    sweep_automatic()
    assert not AutomaticMessage.objects.exists()
