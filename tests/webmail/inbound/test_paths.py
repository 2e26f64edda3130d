"""What MAIL and RCPT may say, and how."""

import pytest
from hypothesis import given, strategies as st

from webmail.inbound.paths import parse_path


@pytest.mark.parametrize(
    ("arg", "expected"),
    [
        ("FROM:<a@b.example>", ("a@b.example", {})),
        (
            "from: <a@b.example> size=12 BODY=8bitmime",
            ("a@b.example", {"SIZE": "12", "BODY": "8bitmime"}),
        ),
        ("FROM:<>", ("", {})),
        ("FROM:<A@B.example>X", ("A@B.example", {"X": ""})),
        ("FROM:<a@b.example> A=b=c", ("a@b.example", {"A": "b=c"})),
    ],
)
def test_path_and_parameters_are_read(arg, expected):
    assert parse_path(arg, "FROM") == expected


@pytest.mark.parametrize(
    "arg",
    [
        None,
        "",
        "FROM",
        "FROM:a@b.example",
        "FROM:<a@b.example",
        "FROM:<a b@c.example>",
        "FROM:<<a@b.example>>",
        "FROM:<sans-arobase>",
        "FROM:<é@b.example>",
        "FROM:<a\x00@b.example>",
        "FROM:<a\x7f@b.example>",
        "FROM:<a@b.example\r\nRCPT>",
        "FROM:<" + "a" * 320 + "@b.example>",
        "TO:<a@b.example>",
        "X FROM:<a@b.example>",
        "FROM:<a@b.example> SIZE=1 size=2",
    ],
)
def test_any_other_form_is_none(arg):
    assert parse_path(arg, "FROM") is None


@given(st.text(max_size=60))
def test_what_is_read_is_printable_and_short_whatever_came(text):
    for arg in (text, f"FROM:<{text}>", f"FROM:<a@b.example> {text}"):
        found = parse_path(arg, "FROM")
        assert found is None or (found[0].isascii() and not set(found[0]) & set("<>\r\n\x00 "))
