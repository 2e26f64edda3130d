"""What a reader shows of a letter: the French corpus, shapes of bodies, and any bytes at all."""

import hashlib
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from tests.mime.letters import corpus, letter, multipart
from webmail.mime.parse import parse_message
from webmail.mime.types import Address


def test_windows_1252_declared_latin_1_keeps_its_ligatures_and_euros():
    message = parse_message(corpus("windows-1252-declared-latin-1"))
    assert message.subject == "Cœur et coût €"
    assert message.text == "L’œuvre coûte 12 €, M. Ÿves."
    assert message.defects == ()


def test_latin_9_is_not_latin_1():
    message = parse_message(corpus("iso-8859-15"))
    assert (message.subject, message.text) == ("œuf et €", "œuvre à 12 €")


def test_raw_bytes_in_headers_are_read_in_either_encoding():
    message = parse_message(corpus("raw-8bit-headers"))
    assert message.subject == "Résultat"
    assert message.from_ == (Address("Hélène Durand", "helene@cabinet.example"),)
    assert message.to == (Address("Jérôme", "jerome@hopital.example"),)
    assert message.text == "été"
    assert message.defects == ("undeclared-charset",)


def test_encoded_words_inside_quotes_are_names():
    message = parse_message(corpus("encoded-words-in-quotes"))
    assert message.from_ == (Address("MARTIN, Élise", "elise.martin@cabinet.example"),)
    assert [item.name for item in message.to] == ["Éric Roy", "Petit, Jean"]
    assert message.subject == "Résultat de l’été"
    assert message.date == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


def test_a_long_name_in_continuations_is_whole():
    message = parse_message(corpus("rfc2231-continuations"))
    (item,) = message.attachments
    assert item.name == "résultat d'analyse du 12.pdf"
    assert item.content == b"%PDF-1.4 fictif"
    assert item.size == 15
    assert item.sha256 == hashlib.sha256(b"%PDF-1.4 fictif").hexdigest()


def test_files_without_disposition_or_name_are_offered():
    message = parse_message(corpus("no-disposition"))
    assert message.text == "Deux fichiers."
    assert [item.name for item in message.attachments] == ["IHE_XDM.ZIP", "piece-jointe-2.pdf"]


def test_a_picture_of_the_page_is_inline():
    message = parse_message(corpus("inline-picture"))
    (item,) = message.attachments
    assert (item.inline, item.content_id, item.name) == (True, "logo@cabinet.example", "logo.png")
    assert message.text == "Bonjour en texte"
    assert "<img" in message.html_raw


def test_a_picture_that_the_page_never_shows_is_a_file():
    raw = corpus("inline-picture").replace(b"cid:logo", b"cid:other")
    assert not parse_message(raw).attachments[0].inline


def test_an_invitation_is_a_file_beside_its_text():
    message = parse_message(corpus("invitation"))
    assert message.text == "Vous venez ?"
    assert [item.name for item in message.attachments] == ["piece-jointe-1.ics"]


def test_a_forwarded_message_is_a_file():
    message = parse_message(corpus("forwarded-message"))
    (item,) = message.attachments
    assert (item.name, item.declared_type) == ("message.eml", "message/rfc822")
    assert item.content.startswith(b"From: quelquun@hopital.example")
    assert message.text == "Pour avis."


def test_winmail_is_just_a_file():
    (item,) = parse_message(corpus("winmail")).attachments
    assert (item.name, item.declared_type) == ("winmail.dat", "application/ms-tnef")


def test_utf_7_is_never_decoded():
    message = parse_message(corpus("utf-7"))
    assert "<script" not in message.html_raw
    assert "<script" not in message.subject
    assert "unknown-charset" in message.defects


def test_texts_around_a_file_are_whole_in_both_forms():
    message = parse_message(corpus("text-after-attachment"))
    assert message.text == "avant\n\n<après> & fin"
    assert message.html_raw == "<b>avant</b>\n<p>&lt;après&gt; &amp; fin</p>"
    assert len(message.attachments) == 1


def test_a_letter_cut_short_shows_what_arrived():
    message = parse_message(corpus("unclosed-boundary"))
    assert message.text == "Le début"
    assert len(message.attachments) == 1
    assert message.defects == ("missing-end-boundary", "undeclared-charset")


def test_texts_that_follow_each_other_are_joined():
    raw = multipart("Content-Type: text/plain\r\n\r\none", "\r\ntwo", "\r\n ", "\r\nthree")
    assert parse_message(raw).text == "one\n\ntwo\n\nthree"


def test_two_plain_forms_of_one_text_are_both_kept():
    raw = multipart(
        "\r\none",
        "\r\ntwo",
        "Content-Type: text/html\r\n\r\n<p>rich</p>",
        "Content-Type: text/html\r\n\r\n<p>more</p>",
        subtype="alternative",
    )
    message = parse_message(raw)
    assert (message.text, message.html_raw) == ("one\n\ntwo", "<p>rich</p>\n<p>more</p>")


def test_html_alone_leaves_the_text_empty():
    message = parse_message(letter("<p>x</p>", "Content-Type: text/html"))
    assert (message.text, message.html_raw) == ("", "<p>x</p>")


def test_an_alternative_whose_texts_are_all_rich_has_their_words():
    inner = (
        'Content-Type: multipart/mixed; boundary="in"\r\n\r\n'
        "--in\r\nContent-Type: text/html\r\n\r\n<b>a</b>\r\n--in\r\n\r\nb\r\n--in--"
    )
    message = parse_message(multipart(inner, subtype="alternative"))
    assert message.text == "a\n\nb"
    assert message.html_raw == "<b>a</b>\n<p>b</p>"


def test_a_text_sent_as_a_file_is_a_file():
    for header in ("Content-Disposition: attachment", 'Content-Type: text/plain; name="a.txt"'):
        message = parse_message(multipart("\r\nbody", f"{header}\r\n\r\nfile"))
        assert message.text == "body"
        assert [item.content for item in message.attachments] == [b"file"]


def test_parts_without_anything_are_not_offered():
    message = parse_message(
        multipart(
            "\r\n", "Content-Disposition: attachment\r\n\r\n", "Content-Type: text/html\r\n\r\n "
        )
    )
    assert (message.text, message.html_raw, message.attachments) == ("", "", ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ('"../../etc/passwd"', "passwd"),
        ('"=?utf-8?q?r=C3=A9s=0D=0ABcc=3A_x.pdf?="', "rés Bcc_ x.pdf"),
        ('"a\u202efdp.exe"', "afdp.exe"),
        ('".."', "piece-jointe-1.bin"),
        ('"re\u0301s.pdf"', "rés.pdf"),
    ],
)
def test_names_of_files_are_cleaned(name, expected):
    raw = letter("x", f"Content-Type: application/x; name={name}")
    assert parse_message(raw).attachments[0].name == expected


def test_a_type_with_quotes_and_line_ends_is_replaced():
    raw = letter("x", 'Content-Type: text/ht"ml\r\n x; name=a')
    assert parse_message(raw).attachments[0].declared_type == "application/octet-stream"


def test_headers_of_a_letter_are_read():
    message = parse_message(
        letter(
            "x",
            "Sender: Secr <s@x.example>",
            "Cc: c@x.example",
            "Reply-To: r@x.example",
            "In-Reply-To: <a@x>",
            "References: <z@x> <a@x>",
            "Message-ID: <b@x>",
            "Disposition-Notification-To: Dr <d@x.example>",
            "Auto-Submitted: auto-replied; why",
        )
    )
    assert message.sender == Address("Secr", "s@x.example")
    assert message.cc == (Address("", "c@x.example"),)
    assert message.reply_to == (Address("", "r@x.example"),)
    assert (message.message_id, message.in_reply_to) == ("b@x", "a@x")
    assert message.references == ("z@x", "a@x")
    assert message.read_receipt_to == "d@x.example"
    assert message.auto_submitted
    assert message.headers[1] == ("Sender", "Secr <s@x.example>")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Auto-Submitted: no", False),
        ("X: y", False),
        ("Precedence: list", True),
        ("Content-Type: multipart/report; boundary=none", False),
    ],
)
def test_programs_are_told_from_people(header, expected):
    assert parse_message(letter("x", header)).auto_submitted is expected


def test_reports_are_from_programs():
    assert parse_message(multipart("\r\nx", subtype="report")).auto_submitted


def test_missing_and_repeated_headers_are_defects():
    assert parse_message(b"").defects == ("missing-date", "missing-from", "missing-message-id")
    message = parse_message(b"From: nobody\nFrom: a@x.example\nDate: hier\nMessage-ID: <a@x>\n\n")
    assert message.defects == ("bad-date", "repeated-header")
    assert "bad-from" in parse_message(b"From: nobody\n\n").defects


def test_a_letter_of_twenty_megabytes_is_read_quickly():
    line = b"QUJD" * 19 + b"\r\n"
    raw = (
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + line * 260_000
    )
    start = time.process_time()
    assert parse_message(raw).attachments[0].size == 260_000 * 57
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.


@given(st.binary(max_size=3_000))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_a_letter(raw):
    parse_message(raw)


PIECES = st.sampled_from(
    [
        "Content-Type: multipart/mixed; boundary=b",
        "Content-Type: text/html; charset=utf-16",
        "Content-Type: message/rfc822; name*0*=utf-8''%",
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: x-uuencode",
        "From: =?utf-8?q?=?= <a@b",
        "Date: Mon, 0 Jan 0000 25:61:61 +9999",
        "--b",
        "--b--",
        "",
        "<p cid:x>",
        "=?utf-16?b?AA==?=",
        "Subject: \udc80",
    ]
)


@given(st.lists(PIECES | st.text(max_size=20), max_size=30))
@settings(deadline=None, max_examples=300)
def test_any_sequence_of_half_right_lines_is_a_letter(lines):
    message = parse_message("\r\n".join(lines).encode("utf-8", "surrogatepass"))
    message.text.encode()
    message.html_raw.encode()
    message.subject.encode()
