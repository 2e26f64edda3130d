"""The reader of DATA: one verdict however the bytes are cut, one message for one ending, bounded
memory.
"""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings, strategies as st

from webmail.inbound.datascan import DataScanner

# Endings that some other software takes for CRLF.CRLF; here each is data, or refused.
FALSE_ENDINGS = [
    b"\n.\n",
    b"\r.\r",
    b"\r.\n",
    b"\n.\r",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\r\n..\r\n",
    b"\r\n. \r\n",
]

# Mostly what the scanner looks for, so that every cut falls inside something.
telling_bytes = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"a", b"\x00", b"\xff"])
).map(b"".join)


def scan(pieces):
    """What came out until the end: content, whether a line end was bare, and what is left."""
    scanner, content, pieces = DataScanner(), b"", list(pieces)
    while pieces:
        scanned = scanner.feed(pieces.pop(0))
        content += scanned.content
        if scanned.is_end:
            return content, scanner.has_bare_line_end, scanned.rest + b"".join(pieces)
    return None


def reference(wire):
    """RFC 5321 §4.5.2 in four lines, over the whole of it."""
    end = (b"\r\n" + wire).find(b"\r\n.\r\n")
    if end < 0:
        return None
    lines = (b"\r\n" + wire)[: end + 2].split(b"\r\n")[1:]
    content = b"\r\n".join(line.removeprefix(b".") for line in lines)
    is_bare = b"\r" in content.replace(b"\r\n", b"") or b"\n" in content.replace(b"\r\n", b"")
    return content, is_bare, wire[end + 3 :]


def cut(wire, places):
    edges = [0, *sorted(place % (len(wire) + 1) for place in places), len(wire)]
    return [wire[a:b] for a, b in pairwise(edges)]


@settings(max_examples=400)
@given(telling_bytes, st.lists(st.integers(0, 300), max_size=8))
@example(b".\r\n", [1])
@example(b"a\r\n.b\r\n.\r\n", [3])
@example(b"\r\n\r\n\r\n.\r\n", [2, 4])
def test_any_cut_of_any_bytes_gives_the_same_result(body, places):
    wire = body + b"\r\n.\r\nQUIT\r\n"
    expected = reference(wire)
    assert expected is not None
    assert scan([wire]) == expected
    assert scan(cut(wire, places)) == expected
    assert scan([wire[i : i + 1] for i in range(len(wire))]) == expected


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_what_a_client_stuffs_comes_out_as_it_was(content):
    lines = content.replace(b"\r", b"").replace(b"\n", b"\r\n").split(b"\r\n")
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    got = scan([stuffed + b"\r\n.\r\n"])
    assert got == (b"\r\n".join(lines) + b"\r\n", False, b"")


@pytest.mark.parametrize("ending", FALSE_ENDINGS)
def test_false_ending_is_data_of_one_message_or_refused(ending):
    wire = b"Subject: a\r\n\r\nbody" + ending + b"MAIL FROM:<b@c.example>\r\n.\r\n"
    content, is_bare, rest = scan([wire])
    assert rest == b""
    assert b"MAIL FROM" in content
    assert is_bare == (
        b"\r" in ending.replace(b"\r\n", b"") or b"\n" in ending.replace(b"\r\n", b"")
    )


def test_empty_message_ends_at_its_first_line():
    assert scan([b".\r\n"]) == (b"", False, b"")


def test_no_number_of_empty_lines_is_held_in_memory():
    scanner, got = DataScanner(), 0
    for _ in range(50):
        got += len(scanner.feed(b"\r\n" * 1000).content)
        assert len(scanner._buffer) < 10
    assert got > 50 * 2000 - 10
