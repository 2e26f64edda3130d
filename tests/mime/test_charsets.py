"""Whatever charset is declared, or none, there is a text; and never UTF-7."""

import pytest

from webmail.mime.charsets import decode, decode_undeclared, find_codec


@pytest.mark.parametrize(
    ("content", "charset", "expected"),
    [
        ("cœur €".encode("cp1252"), "iso-8859-1", "cœur €"),
        ("cœur €".encode("cp1252"), "windows-1252", "cœur €"),
        ("cœur €".encode("iso-8859-15"), "ISO-8859-15", "cœur €"),
        ("été".encode(), "utf-8", "été"),
        (b"\xef\xbb\xbfabc", "utf-8", "abc"),
        ("été".encode("utf-16"), "utf-16", "été"),
        (b"abc", "us-ascii", "abc"),
        (b"abc", "", "abc"),
        ("가".encode("cp949"), "ks_c_5601-1987", "가"),
    ],
)
def test_declared_charsets_are_honoured(content, charset, expected):
    assert decode(content, charset) == (expected, "")


@pytest.mark.parametrize(
    "charset",
    ["utf-7", "UTF7", "unicode-1-1-utf-7", "unknown-8bit", "rot13", "zip", "hex", "x\x00y", "idna"],
)
def test_unknown_and_refused_charsets_are_named_as_a_defect(charset):
    assert find_codec(charset) == ""
    assert decode(b"+ADw-script+AD4-", charset) == ("+ADw-script+AD4-", "unknown-charset")


def test_bytes_that_say_nothing_are_utf_8_or_windows():
    assert decode_undeclared("été".encode()) == "été"
    assert decode_undeclared("été €".encode("cp1252")) == "été €"
    assert decode("été".encode("cp1252")) == ("été", "undeclared-charset")
    assert decode("été".encode(), "us-ascii") == ("été", "undeclared-charset")


def test_windows_bytes_declared_utf_8_are_read_all_the_same():
    assert decode("été".encode("cp1252"), "utf-8") == ("été", "undecodable-bytes")


def test_a_broken_character_does_not_spoil_the_others():
    assert decode("é".encode() + b"\xff", "utf-8") == (
        "é\N{REPLACEMENT CHARACTER}",
        "undecodable-bytes",
    )
