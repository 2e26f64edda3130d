"""xtext and the parameters of RFC 3461, written and read."""

import pytest
from hypothesis import given, strategies as st

from webmail.mime.esmtp import (
    LONGEST_ORIGINAL,
    decode_xtext,
    encode_xtext,
    mail_options,
    parse_notify,
    parse_original,
    rcpt_options,
)

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


@given(PRINTABLE)
def test_what_is_written_is_read_back(text):
    written = encode_xtext(text)
    assert decode_xtext(written) == text
    assert not set(written) & set("= \t")


@given(st.text(max_size=40))
def test_reading_never_raises_and_gives_printable_ascii(text):
    read = decode_xtext(text)
    assert read is None or (read.isascii() and read.isprintable())
    assert parse_original(text) is None or ";" in text
    assert parse_notify(text) is None or "NEVER" in text.upper() or len(text) >= 5


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ""),
        ("abc", "abc"),
        ("a+2Bb+3Dc", "a+b=c"),
        ("a+20b", "a b"),
        ("a+2bb", None),
        ("a+2", None),
        ("a+", None),
        ("a=b", None),
        ("a b", None),
        ("é", None),
        ("+00", None),
        ("+0D+0A", None),
        ("+7F", None),
        ("+E9", None),
    ],
)
def test_xtext(written, read):
    assert decode_xtext(written) == read


def test_xtext_has_no_place_for_other_letters():
    with pytest.raises(UnicodeEncodeError):
        encode_xtext("é")


@pytest.mark.parametrize(
    ("value", "events"),
    [
        ("NEVER", ("NEVER",)),
        ("never", ("NEVER",)),
        ("success,Delay", ("SUCCESS", "DELAY")),
        ("SUCCESS,FAILURE,DELAY", ("SUCCESS", "FAILURE", "DELAY")),
        ("NEVER,SUCCESS", None),
        ("SUCCESS,SUCCESS", None),
        ("SUCCESS,", None),
        ("", None),
        ("ALWAYS", None),
    ],
)
def test_notify(value, events):
    assert parse_notify(value) == events


@pytest.mark.parametrize(
    ("value", "original"),
    [
        ("rfc822;a@b.example", "rfc822;a@b.example"),
        ("RFC822;a+2Bc@b.example", "rfc822;a+c@b.example"),
        ("x-nom;tout", "x-nom;tout"),
        ("a@b.example", None),
        (";a@b.example", None),
        ("rfc822;", None),
        ("rfc822;a+0D@b", None),
        ("rf c;a", None),
        ("rfc822;" + "a" * LONGEST_ORIGINAL, None),
    ],
)
def test_original_recipient(value, original):
    assert parse_original(value) == original


def test_options_are_what_the_standard_says():
    assert mail_options("") == ""
    assert mail_options("12.ab=c") == " RET=HDRS ENVID=12.ab+3Dc"
    assert rcpt_options("a+b@c.example", ()) == ""
    asked = rcpt_options("a+b@c.example", ("SUCCESS", "DELAY"))
    assert asked == " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c.example"
    assert rcpt_options("a@c.example", ("NEVER",)) == " NOTIFY=NEVER"
