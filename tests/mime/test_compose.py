"""Letters of ours on the wire: ASCII headers, CRLF, short lines, no header by way of a value."""

import re
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings, strategies as st

from tests.mime.letters import MARTIN, PETIT, WHEN, outgoing
from webmail.mime.compose import compose_message, encoded_size, received_header
from webmail.mime.fields import plain_field, text_field
from webmail.mime.parse import parse_message
from webmail.mime.text import clean_file_name, clean_line, clean_text
from webmail.mime.types import Address, MimeError, OutgoingAttachment

PRINTABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def check_wire_form(raw: bytes) -> None:
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.isascii()
    head = raw.partition(b"\r\n\r\n")[0]
    assert all(line.strip() for line in head.split(b"\r\n"))


def test_a_plain_letter_has_its_headers_in_order():
    raw = compose_message(outgoing(subject="Bonjour"))
    check_wire_form(raw)
    assert raw.startswith(
        b"Date: Mon, 02 Mar 2026 08:15:00 +0000\r\n"
        b"From: =?utf-8?b?RHIgw4lsaXNlIE1hcnRpbg==?= <elise.martin@cabinet.example>\r\n"
        b"To: Dr Petit <dr.petit@hopital.example>\r\n"
        b"Subject: Bonjour\r\n"
        b"Message-ID: <lettre1@cabinet.example>\r\n"
        b"MIME-Version: 1.0\r\n"
    )
    assert b'Content-Type: text/plain; charset="utf-8"' in raw


def test_the_same_values_give_the_same_bytes():
    message = outgoing(attachments=(OutgoingAttachment("a.pdf", "application/pdf", b"x"),))
    assert compose_message(message) == compose_message(message)


def test_without_open_recipients_the_header_says_so():
    raw = compose_message(replace(outgoing(), to=()))
    assert b"\r\nTo: undisclosed-recipients:;\r\n" in raw
    raw = compose_message(replace(outgoing(), to=(), cc=(PETIT,)))
    assert b"undisclosed" not in raw
    assert parse_message(raw).cc == (PETIT,)


def test_an_answer_names_what_it_answers():
    message = replace(
        outgoing(),
        in_reply_to="b@x.example",
        references=("a@x.example", "bad id", "é@x", "b@x.example", "c" * 1_000),
        reply_to=PETIT,
    )
    parsed = parse_message(compose_message(message))
    assert parsed.in_reply_to == "b@x.example"
    assert parsed.references == ("a@x.example", "b@x.example")
    assert parsed.reply_to == (PETIT,)


def test_a_hundred_recipients_are_folded():
    many = tuple(Address(f"Dr N° {number}", f"n{number}@hopital.example") for number in range(100))
    raw = compose_message(replace(outgoing(), to=many))
    check_wire_form(raw)
    assert parse_message(raw).to == many


@pytest.mark.parametrize(
    "name",
    [
        "Petit, Jean",
        'Jean "Jo" Petit',
        "a\\b",
        "=?utf-8?q?x?=",
        "É" * 60,
        "a" * 150,
        "a  b",
        "x@y.example",
    ],
)
def test_display_names_come_back_as_they_were(name):
    raw = compose_message(replace(outgoing(), to=(Address(name, PETIT.address),)))
    check_wire_form(raw)
    assert parse_message(raw).to == (Address(name, PETIT.address),)


INJECTION = "x\r\nBcc: victime@hopital.example\r\n\r\n<script>\x00"


def test_no_value_adds_a_header():
    message = replace(
        outgoing(subject=INJECTION, extra_headers=(("X-MSS-NIL", INJECTION),)),
        from_=Address(INJECTION, MARTIN.address),
        to=(Address(INJECTION, PETIT.address),),
        attachments=(OutgoingAttachment(INJECTION, INJECTION, b"x"),),
        in_reply_to=INJECTION,
        references=(INJECTION,),
    )
    raw = compose_message(message)
    check_wire_form(raw)
    assert b"\nBcc:" not in raw
    assert "bcc" not in {name.lower() for name, _value in parse_message(raw).headers}


@pytest.mark.parametrize(
    "change",
    [
        {"from_": Address("", "a@b\r\nX: y")},
        {"to": (Address("", "nobody"),)},
        {"message_id": "a b"},
        {"message_id": ""},
        {"message_id": "a@x>\r\nX: y"},
        {"date": datetime(2026, 3, 2)},  # noqa: DTZ001 - the absence of a zone is what is refused.
        {"extra_headers": (("Bcc", "a@x.example"),)},
        {"extra_headers": (("Content-Type", "text/html"),)},
        {"extra_headers": (("X: y\r\nZ", "a"),)},
        {"extra_headers": (("", "a"),)},
    ],
)
def test_what_cannot_be_written_is_refused(change):
    with pytest.raises(MimeError):
        compose_message(replace(outgoing(), **change))


@pytest.mark.parametrize(
    "name",
    [
        "IHE_XDM.zip",
        "résultat d'analyse.pdf",
        f"résultat d'analyse {'é' * 90}.pdf",
        "a" * 150 + ".pdf",
        'guillemets "x";.pdf',
        "100 %.pdf",
        "日本.pdf",
        "",
    ],
)
def test_files_arrive_with_name_and_content(name):
    content = bytes(range(256)) * 40
    raw = compose_message(
        outgoing(attachments=(OutgoingAttachment(name, "application/pdf", content),))
    )
    check_wire_form(raw)
    (item,) = parse_message(raw).attachments
    assert item.name == (clean_file_name(name) or "document.bin")
    assert (item.content, item.declared_type) == (content, "application/pdf")


@pytest.mark.parametrize("kind", ["message/rfc822", "multipart/mixed", "nonsense", 'a/b"\r\nX: y'])
def test_types_that_base64_may_not_carry_become_plain_files(kind):
    raw = compose_message(outgoing(attachments=(OutgoingAttachment("a.eml", kind, b"x"),)))
    assert parse_message(raw).attachments[0].declared_type == "application/octet-stream"


@pytest.mark.parametrize(
    "text", ["", "été\n.\nFrom x\n", "x" * 3_000, "日本語" * 300, "a \n\tb", "\r\r\n"]
)
def test_texts_come_back_as_they_were(text):
    raw = compose_message(outgoing(text))
    check_wire_form(raw)
    assert parse_message(raw).text == clean_text(text).strip("\n") or not text.strip()


@given(PRINTABLE, PRINTABLE, PRINTABLE, PRINTABLE, st.binary(max_size=500))
@settings(deadline=None, max_examples=200)
def test_what_is_composed_is_what_is_parsed(subject, text, name, file_name, content):
    message = replace(
        outgoing(text, subject=subject),
        to=(Address(name, PETIT.address),),
        attachments=(OutgoingAttachment(file_name, "application/pdf", content),),
    )
    raw = compose_message(message)
    check_wire_form(raw)
    parsed = parse_message(raw)
    assert parsed.subject == clean_line(subject)
    assert parsed.text == (clean_text(text).strip("\n") if clean_text(text).strip() else "")
    assert parsed.to[0].address == PETIT.address
    (item,) = parsed.attachments
    assert item.content == content
    assert item.name == (clean_file_name(file_name) or "document.bin")


def test_the_estimate_is_close():
    for text, sizes in (("été\n" * 500, [10_000, 250_000]), ("a", []), ("日" * 5_000, [1])):
        files = tuple(
            OutgoingAttachment("résultat.pdf", "application/pdf", b"x" * size) for size in sizes
        )
        actual = len(compose_message(outgoing(text, attachments=files)))
        assert actual <= encoded_size(text, sizes) <= actual + 2_500


def test_a_trace_header_survives_a_hostile_greeting():
    raw = received_header(
        from_name="evil\r\nX: y (z)",
        peer="192.0.2.1",
        by="mx.cabinet.example",
        protocol="ESMTPS",
        spool_id="",
        at=WHEN,
    )
    assert raw == (
        b"Received: from evil-X:-y-z (192.0.2.1)\r\n"
        b"\tby mx.cabinet.example with ESMTPS id unknown;\r\n"
        b"\tMon, 02 Mar 2026 08:15:00 +0000\r\n"
    )


def test_fields_for_machines_stay_plain():
    assert plain_field("X-A", "é" + "a" * 1_000).count(b"\r\n") == 2
    assert plain_field("X-A", "") == b"X-A: \r\n"
    assert text_field("Subject", "a  b") == b"Subject: a  b\r\n"
