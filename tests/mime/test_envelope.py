"""Correspondents, dates and identifiers as strangers write them: doubt is left out, not raised."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from webmail.mime.envelope import parse_date, parse_header_addresses, parse_identifiers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@x.example", [("", "a@x.example")]),
        ("Dr Petit <P@X.Example>", [("Dr Petit", "P@x.example")]),
        (
            '"Petit, Jean" <p@x.example>, b@x.example',
            [("Petit, Jean", "p@x.example"), ("", "b@x.example")],
        ),
        ("p@x.example (Dr (le) Petit)", [("Dr (le) Petit", "p@x.example")]),
        ("p@x.example (a\\)b)", [("a\\)b", "p@x.example")]),
        ("=?utf-8?q?=C3=89lise?= <e@x.example>", [("Élise", "e@x.example")]),
        ('"=?utf-8?q?M=2C_=C3=89?=" <e@x.example>', [("M, É", "e@x.example")]),
        ("=?utf-8?q?a=40b.example=2C_c?= <e@x.example>", [("a@b.example, c", "e@x.example")]),
        ("\"'Petit'\" <p@x.example>", [("Petit", "p@x.example")]),
        ("Undisclosed recipients:;", []),
        ("Groupe: a@x.example, b@x.example;", [("", "a@x.example"), ("", "b@x.example")]),
        ("a@x.example; b@x.example", [("", "a@x.example"), ("", "b@x.example")]),
        ("<@r.example,@s.example:a@x.example>", [("", "a@x.example")]),
        ("A <a@x.example> <b@x.example>", [("A", "a@x.example"), ("", "b@x.example")]),
        ('"Petit <p@x.example>', [("Petit", "p@x.example")]),
        ("Petit (oncologie <p@x.example>", [("Petit oncologie", "p@x.example")]),
        ("Petit <p@x.example", [("Petit", "p@x.example")]),
        ('"dr petit"@x.example', []),
        ('"dr.petit"@x.example', [("", '"dr.petit"@x.example')]),
        ('"a\\"b" <p@x.example>', [('a"b', "p@x.example")]),
        ("nobody", []),
        ("", []),
    ],
)
def test_address_lists_are_read_before_names_are_decoded(value, expected):
    assert [(a.name, a.address) for a in parse_header_addresses([value])] == expected


def test_a_thousand_recipients_are_enough():
    values = ["a@x.example," * 3_000] * 3
    assert len(parse_header_addresses(values)) == 1_000


def test_hostile_lists_cost_linear_time():
    start = time.process_time()
    for piece in ('"', '\\"', "(", "<", "a@b,", ":", "a:", "<>"):
        parse_header_addresses([piece * (64_000 // len(piece))])
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=200)
def test_any_header_gives_addresses_with_one_line_each(value):
    for item in parse_header_addresses([value]):
        assert "@" in item.address
        assert "\n" not in item.name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<a@x> <b@x>\n <a@x>", ("a@x", "b@x")),
        ("< a@x >", ("a@x",)),
        ("a@x", ("a@x",)),
        ("<>", ()),
        ("", ()),
    ],
)
def test_identifiers_lose_their_brackets_and_doubles(value, expected):
    assert parse_identifiers(value) == expected


def test_of_too_many_references_the_first_and_the_latest_stay():
    found = parse_identifiers(" ".join(f"<{number}@x>" for number in range(1_000)))
    assert len(found) == 200
    assert (found[0], found[1], found[-1]) == ("0@x", "801@x", "999@x")


@pytest.mark.parametrize(
    "value",
    ["Mon, 2 Mar 2026 09:15:00 +0100", "2 Mar 26 08:15 GMT", "Mon, 2 Mar 2026 08:15:00 -0000 (x)"],
)
def test_dates_are_told_in_utc(value):
    assert parse_date(value) == datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "hier",
        "Mon, 99 Mar 2026 09:15:00 +0100",
        "Mon, 2 Mar 99999 09:15:00 +0100",
        "Mon, 2 Mar 2026 09:15:00 +99999999999999",
        "31 Dec 9999 23:59:59 -1400",
        "\x00, \x00",
    ],
)
def test_an_unreadable_date_is_no_date(value):
    assert parse_date(value) is None


def test_a_leap_second_is_a_moment():
    assert parse_date("Sat, 31 Dec 2016 23:59:60 +0000") == datetime(
        2016, 12, 31, 23, 59, 59, tzinfo=UTC
    )
