"""Reports of machines, read from strangers and written for them."""

import email
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.mime.letters import MARTIN, WHEN, corpus, letter, multipart
from tests.mime.test_compose import check_wire_form
from webmail.mime.parse import parse_message
from webmail.mime.reports import compose_report, parse_report
from webmail.mime.types import Address, DeliveryStatus, MimeError, Report

DAEMON = Address("Remise", "mailer-daemon@hopital.example")
FAILED = DeliveryStatus("inconnu@hopital.example", "failed", "5.1.1", "550 5.1.1 User unknown")


def bounce(**changes) -> bytes:
    facts: dict[str, Any] = {
        "from_": DAEMON,
        "to": MARTIN,
        "reporting_mta": "mx.hopital.example",
        "original_message_id": "lettre1@cabinet.example",
        "original_headers": b"Message-ID: <lettre1@cabinet.example>\r\nSubject: x\r\n\r\nsecret",
        "recipients": [FAILED],
        "text": "Votre message n'a pas été remis.",
        "subject": "Message non remis",
        "message_id": "bounce1@hopital.example",
        "date": WHEN,
    }
    return compose_report(**(facts | changes))


def test_a_delivery_report_is_read_per_recipient():
    assert parse_report(corpus("dsn-failed")) == Report(
        kind="dsn",
        original_message_id="lettre1@cabinet.example",
        original_envelope_id="env-42",
        recipients=(
            FAILED,
            DeliveryStatus("dr.petit@hopital.example", "delayed", "4.2.2", ""),
        ),
    )


def test_an_error_of_integration_is_a_failure_in_both_forms():
    expected = DeliveryStatus("dr.petit@hopital.example", "failed", "", "902^patient inconnu")
    old = corpus("mdn-error")
    new = old.replace(
        b"processed/Error: 902^patient inconnu", b"processed/error\r\nError: 902^patient inconnu"
    )
    for raw in (old, new):
        report = parse_report(raw)
        assert report is not None
        assert (report.kind, report.original_message_id) == ("mdn", "lettre2@cabinet.example")
        assert report.recipients == (expected,)


def test_a_read_receipt_is_a_delivery():
    raw = corpus("mdn-error").replace(b"processed/Error: 902^patient inconnu", b"displayed")
    report = parse_report(raw)
    assert report is not None
    assert report.recipients[0].action == "delivered"
    assert report.recipients[0].diagnostic == "displayed"


def test_a_disposition_without_recipient_says_nothing():
    raw = (
        corpus("mdn-error").replace(b"Final-Recipient", b"X").replace(b"Original-Message-ID", b"Y")
    )
    assert parse_report(raw) == Report("mdn", "", "", ())
    empty = multipart("Content-Type: message/disposition-notification\r\n\r\n", subtype="report")
    assert parse_report(empty) == Report("mdn", "", "", ())


def test_original_recipients_and_bare_diagnostics_are_read():
    raw = multipart(
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\n"
        "not a field\r\n"
        "Original-Recipient: rfc822;<a@x.example>\r\nFinal-Recipient: rfc822;b@x.example\r\n"
        "Action: failure\r\nStatus: unknown\r\nDiagnostic-Code: 550 no; really\r\n\r\n"
        "Final-Recipient: rfc822;nobody\r\nAction: failed\r\n\r\nlast words",
        subtype="report",
    )
    report = parse_report(raw)
    assert report is not None
    assert report.recipients == (
        DeliveryStatus("a@x.example", "failed", "", "550 no; really", final="b@x.example"),
    )
    # «nobody» is no address: what is said of it is not understood, and counted.
    assert report.unread == 1


@pytest.mark.parametrize(
    "raw", [b"", letter("x"), multipart("\r\nx"), multipart("\r\nx", subtype="report")]
)
def test_other_letters_are_no_reports(raw):
    assert parse_report(raw) is None


@given(st.binary(max_size=500))
@settings(deadline=None, max_examples=100)
def test_any_status_part_is_read(content):
    head = (
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\n"
    )
    assert parse_report(head + content) is not None


def test_a_bounce_has_the_three_parts_and_no_content():
    raw = bounce(arrival=WHEN)
    check_wire_form(raw)
    message: Any = email.message_from_bytes(raw)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"
    kinds = [part.get_content_type() for part in message.get_payload()]
    assert kinds == ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    assert b"secret" not in raw
    assert b"Arrival-Date: Mon, 02 Mar 2026 08:15:00 +0000" in raw


def test_headers_without_an_end_are_returned():
    assert b"\r\nX: y\r\n--" in bounce(original_headers=b"X: y")


def test_a_bounce_is_read_back():
    delayed = DeliveryStatus("dr.petit@hopital.example", "delayed", "", "")
    relayed = DeliveryStatus(f"{'a' * 60}@{'b' * 60}.example", "relayed", "bad", "250 ok é")
    raw = bounce(recipients=[FAILED, delayed, relayed])
    report = parse_report(raw)
    assert report is not None
    assert report.original_message_id == "lettre1@cabinet.example"
    assert [(item.action, item.status) for item in report.recipients] == [
        ("failed", "5.1.1"),
        ("delayed", "4.0.0"),
        ("relayed", "2.0.0"),
    ]
    assert report.recipients[0] == FAILED
    assert parse_message(raw).auto_submitted


def test_returned_headers_cannot_break_the_report():
    hostile = (
        b"Subject: a\r\n --=_x--\r\n--=_x\r\nContent-Type: text/html\r\n"
        b"X: \xff\xe9 " + b"z" * 2_000 + b"\r\nbare\rreturn\r\n\r\n<script>"
    )
    raw = bounce(original_headers=hostile)
    check_wire_form(raw)
    assert len(email.message_from_bytes(raw).get_payload()) == 3
    assert b"<script>" not in raw


@pytest.mark.parametrize(
    "change",
    [
        {"recipients": []},
        {"message_id": "a b"},
        {"recipients": [DeliveryStatus("x\r\nY: z", "failed", "", "")]},
    ],
)
def test_a_bounce_that_cannot_be_written_is_refused(change):
    with pytest.raises(MimeError):
        bounce(**change)


def test_original_words_of_the_sender_come_back_as_they_were():
    raw = bounce(
        envelope_id="QQ+314159 x",
        recipients=[
            DeliveryStatus(
                "rfc822;Jean+Dupont@hopital.example",
                "delivered",
                "",
                "",
                final="j.dupont@hopital.example",
            ),
            DeliveryStatus("autre@hopital.example", "delivered", "2.1.5", ""),
        ],
    )
    check_wire_form(raw)
    assert b"Original-Envelope-Id: QQ+314159 x\r\nReporting-MTA: dns; mx" in raw
    assert b"Original-Recipient: rfc822; Jean+Dupont@hopital.example\r\n" in raw
    assert b"Final-Recipient: rfc822; j.dupont@hopital.example\r\n" in raw
    report = parse_report(raw)
    assert report is not None
    assert report.original_envelope_id == "QQ+314159 x"
    assert report.recipients == (
        DeliveryStatus(
            "Jean+Dupont@hopital.example",
            "delivered",
            "2.0.0",
            "",
            final="j.dupont@hopital.example",
        ),
        DeliveryStatus("autre@hopital.example", "delivered", "2.1.5", ""),
    )
