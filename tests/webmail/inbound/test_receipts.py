"""Who is told that a letter lies in its box: whoever asked and may be told; once; nobody else."""

import pytest

from directory.models import TrustedDomain
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.factories.people import make_mailbox
from tests.factories.spooled import make_delivery, make_due, process, spool
from tests.webmail.inbound.test_reports import dsn, mdn
from webmail.inbound import pipeline
from webmail.inbound.esmtp import ReportAsked
from webmail.inbound.pipeline import process_due
from webmail.models import AutomaticMessage, InboundRecipient, Message
from webmail.store.sealed import open_text

pytestmark = pytest.mark.django_db(databases="__all__")

SUCCESS = ReportAsked(("SUCCESS",), "rfc822;c.martin@ancien.example")
ROY = "anne.roy@cabinet-tilleuls.mssante.example"


@pytest.fixture
def peer_dn(in_toy_space):
    refresh_whitelist()
    return TrustedDomain.objects.get(domain=PRACTICE.domain).dn


@pytest.fixture
def receive(martin_box, peer_dn):
    """One letter through the pipeline; the wishes it left."""

    def bring(*, mailboxes=(), **fields):
        inbound = spool(*(mailboxes or [martin_box]), **{"peer_dn": peer_dn, **fields})
        process(inbound.pk)
        return list(AutomaticMessage.objects.order_by("pk"))

    return bring


def told(wish):
    return open_text(wish.recipient.mailbox, "automatic_to", wish.sealed_to)


def test_sender_who_asked_for_success_is_told(receive, martin_box):
    (wish,) = receive(asked=SUCCESS, envelope_id="QQ314159")
    assert (wish.kind, wish.state) == ("delivered", "waiting")
    assert told(wish) == PETIT
    assert wish.about == Message.objects.get(mailbox=martin_box)
    assert wish.recipient.notify == "SUCCESS"
    assert open_text(martin_box, "original", wish.recipient.sealed_original) == SUCCESS.original
    assert open_text(martin_box, "envelope_id", wish.recipient.sealed_envelope_id) == "QQ314159"


@pytest.mark.parametrize("notify", [(), ("NEVER",), ("FAILURE",), ("DELAY",), ("FAILURE", "DELAY")])
def test_sender_who_did_not_ask_is_not_told(receive, notify):
    assert receive(asked=ReportAsked(notify)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"envelope_from": ""},
        {"peer_dn": ""},
        {"raw": dsn("delivered")},
        {"raw": mdn("manual-action/MDN-sent-manually; displayed")},
    ],
)
def test_nobody_is_told_of_a_report_or_of_what_has_no_sender(receive, fields):
    assert receive(asked=SUCCESS, **fields) == []
    assert Message.objects.count() == 1


def test_each_recipient_is_reported_on(receive, martin_box):
    other = make_mailbox("cardiologie", "Cardiologie", kind="ORG")
    wishes = receive(mailboxes=[martin_box, other], asked=SUCCESS)
    assert {wish.recipient.mailbox for wish in wishes} == {martin_box, other}


def test_copy_that_comes_again_is_not_reported_on_again(receive):
    raw = make_letter()
    assert len(receive(raw=raw, asked=SUCCESS)) == 1
    assert len(receive(raw=raw, asked=SUCCESS)) == 1
    assert InboundRecipient.objects.filter(deposited_at__isnull=False).count() == 2


def test_wish_stands_or_falls_with_the_deposit(martin_box, peer_dn, monkeypatch):
    whole = pipeline._finish

    def crashing(claimed):
        whole(claimed)
        raise RuntimeError

    monkeypatch.setattr(pipeline, "_finish", crashing)
    inbound = spool(martin_box, peer_dn=peer_dn, asked=SUCCESS)
    process(inbound.pk)
    assert not AutomaticMessage.objects.exists()
    monkeypatch.setattr(pipeline, "_finish", whole)
    make_due(inbound)
    process_due()
    assert AutomaticMessage.objects.count() == 1


def test_header_alone_asks_too(receive):
    (wish,) = receive(raw=make_letter(Return_Receipt_To=f"Anne <{ROY}>"))
    assert told(wish) == ROY


@pytest.mark.parametrize(
    "header",
    [
        MARTIN,
        "ami@hors-espace.example",
        f"x@{HOSPITAL.domain}",
        "personne",
        f"{PETIT}, {ROY}",
        "",
    ],
)
def test_header_has_us_write_to_nobody_the_peer_may_not_speak_for(receive, header):
    assert receive(raw=make_letter(Return_Receipt_To=header)) == []


def test_header_of_a_machine_asks_for_nothing(receive):
    raw = make_letter(Return_Receipt_To=PETIT, Auto_Submitted="auto-generated")
    assert receive(raw=raw) == []


@pytest.mark.parametrize("notify", [("NEVER",), ("FAILURE",)])
def test_what_the_envelope_says_goes_before_the_header(receive, notify):
    raw = make_letter(Return_Receipt_To=PETIT)
    assert receive(raw=raw, asked=ReportAsked(notify)) == []


def test_letter_between_our_boxes_is_tracked_and_not_reported_on(receive, martin_box):
    delivery = make_delivery(martin_box, MARTIN)
    raw = make_letter(Return_Receipt_To=MARTIN)
    assert receive(raw=raw, peer_dn="", delivery=delivery) == []
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
