"""Header blocks, encoded words and parameters, as software of thirty years writes them."""

import base64
import string
import time

import pytest
from hypothesis import given, strategies as st

from webmail.mime import headers
from webmail.mime.headers import (
    MAX_BLOCK_BYTES,
    decode_base64,
    decode_words,
    split_headers,
    split_parameters,
)


def read(raw: bytes):
    return split_headers(raw, 0, len(raw))


def test_folded_lines_are_joined_by_one_space():
    block, body = read(b"Subject: a\r\n \t b\r\nX : c\r\n\r\nbody")
    assert block.fields == (("Subject", "a b"), ("X", "c"))
    assert body == len(b"Subject: a\r\n \t b\r\nX : c\r\n\r\n")
    assert block.first("subject") == "a b"
    assert block.all("none") == []
    assert block.first("none") == ""


def test_a_mailbox_line_in_front_is_passed_over():
    block, _body = read(b"From someone Mon Mar 2\nSubject: a\n\n")
    assert block.fields == (("Subject", "a"),)
    assert block.defects == ()


def test_a_line_that_is_no_field_begins_the_body():
    raw = b"Subject: a\nhello\nworld"
    block, body = read(raw)
    assert raw[body:] == b"hello\nworld"
    assert block.defects == ("missing-header-body-separator",)


def test_a_continuation_of_nothing_is_ignored():
    assert read(b" a\nSubject: b\n\n")[0].fields == (("Subject", "b"),)


def test_endless_headers_are_cut_and_the_body_is_found():
    raw = b"X: y\r\n" * (MAX_BLOCK_BYTES // 3) + b"\r\nbody"
    block, body = read(raw)
    assert "headers-too-long" in block.defects
    assert "too-many-headers" in block.defects
    assert raw[body:] == b"body"


def test_one_endless_header_is_cut():
    block, _body = read(b"Subject: " + b"a" * 300_000 + b"\n b\n\n")
    assert block.defects == ("header-too-long",)
    assert len(block.fields[0][1]) == 64_000


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("=?utf-8?q?R=C3=A9sultat?=", "Résultat"),
        ("=?UTF-8?B?UsOpc3VsdGF0?=", "Résultat"),
        ("=?iso-8859-1?Q?c=9Cur?=", "cœur"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= c =?utf-8?q?b?=", "a c b"),
        ("=?utf-8?q?a?= =?iso-8859-1?q?=E9?=", "aé"),
        ("=?utf-8?b?w6k=?=\t=?utf-8?b?w6k=?=", "éé"),
        ("=?utf-8?b?ww==?= =?utf-8?b?qQ==?=", "é"),
        ("a=?utf-8?q?b?=c", "abc"),
        ("=?utf-8?q?Quoi_??=", "Quoi ?"),
        ("=?utf-8*fr?q?a?=", "a"),
        ("=?utf-8?q?a b?=", "a b"),
        ("=?utf-8?b?w6k?=", "é"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?never closed", "=?utf-8?q?never closed"),
        ("=?utf-7?q?+ADw-?=", "+ADw-"),
        ("plain", "plain"),
    ],
)
def test_encoded_words_are_decoded_wherever_they_stand(raw, expected):
    assert decode_words(raw) == expected


def test_encoded_words_cost_linear_time():
    start = time.process_time()
    decode_words("=?a?q?" * 10_000)
    decode_words("=?a?q?x?= " * 6_000)
    split_parameters('a; b="' + "\\" * 60_000)
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"w6k=", (b"\xc3\xa9", "")),
        (b"w6\r\nk", (b"\xc3\xa9", "")),
        (b"w*6k=", (b"\xc3\xa9", "")),
        (b"YWJjZ", (b"abc", "truncated-base64")),
        (b"w6k=\n-- \nfooter", (b"\xc3\xa9", "trailing-base64")),
        (b"", (b"", "")),
    ],
)
def test_base64_is_decoded_as_far_as_it_goes(raw, expected):
    assert decode_base64(raw) == expected
    assert decode_base64(b"AA=A" + raw + b"====BB", 4, 4 + len(raw)) == expected


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 7])
@given(content=st.binary(max_size=40), noise=st.binary(max_size=3))
def test_base64_is_the_same_in_steps_of_any_size(step, content, noise):
    noise = noise.translate(None, f"{string.ascii_letters}{string.digits}+/=".encode())
    raw = noise.join(bytes([letter]) for letter in base64.b64encode(content).rstrip(b"="))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(headers, "_STEP_BYTES", step)
        assert decode_base64(raw) == (content, "")


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ('attachment; filename="a;b.pdf"', "filename", "a;b.pdf"),
        ('attachment; filename="a\\"b.pdf"', "filename", 'a"b.pdf'),
        ("attachment; filename=a b.pdf", "filename", "a b.pdf"),
        ("attachment; FILENAME*=utf-8''r%C3%A9s.pdf", "filename", "rés.pdf"),
        ("attachment; filename*=utf-8'fr'%C3%A9; filename=e", "filename", "é"),
        ("a; filename*1*=%A9.pdf; filename*0*=utf-8''%C3", "filename", "é.pdf"),
        ("a; filename*0=abc; filename*1=def", "filename", "abcdef"),
        ("a; filename*=r%C3%A9s", "filename", "rés"),
        ("a; filename=first; filename=second", "filename", "first"),
        ("a; filename*0*=utf-7''+ADw-", "filename", "+ADw-"),
        ('a; boundary="never closed', "boundary", "never closed"),
    ],
)
def test_parameters_are_read_with_their_continuations(value, name, expected):
    assert split_parameters(value)[1][name] == expected


def test_what_is_no_parameter_is_passed_over():
    assert split_parameters("Text/Plain; ; a; ***=b; c=d") == ("text/plain", {"c": "d"})
