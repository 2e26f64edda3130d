"""The tree of parts, compared with the standard library's and pushed beyond its limits."""

import email
import hashlib
import time

import pytest
from hypothesis import given, settings, strategies as st

from tests.mime.letters import CORPUS, letter, multipart
from webmail.mime.structure import MAX_DEPTH, MAX_PARTS, Part, parse_structure


def leaves(part: Part) -> list[Part]:
    if not part.is_container:
        return [part]
    return [leaf for child in part.children for leaf in leaves(child)]


def digest(content: bytes) -> str:
    return hashlib.sha256(content.replace(b"\r\n", b"\n").strip()).hexdigest()


def standard_leaves(message):
    if message.is_multipart() and message.get_content_maintype() != "message":
        return [leaf for child in message.get_payload() for leaf in standard_leaves(child)]
    return [message]


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.eml")), ids=lambda path: path.stem)
def test_leaves_are_those_of_the_standard_library(path):
    raw = path.read_bytes()
    ours = leaves(parse_structure(raw)[0])
    theirs = standard_leaves(email.message_from_bytes(raw))
    assert [part.content_type for part in ours] == [part.get_content_type() for part in theirs]
    for part, reference in zip(ours, theirs, strict=True):
        if reference.get_content_maintype() != "message":
            assert digest(part.content) == digest(reference.get_payload(decode=True))


def test_a_boundary_that_begins_another_is_not_mistaken_for_it():
    inner = 'Content-Type: multipart/mixed; boundary="bb"\r\n\r\n--bb\r\n\r\nin\r\n--bb--'
    root, defects = parse_structure(multipart(inner, "\r\nout"))
    assert [part.content for part in leaves(root)] == [b"in", b"out"]
    assert defects == ()


def test_a_part_without_end_stops_at_the_outer_delimiter():
    inner = 'Content-Type: multipart/mixed; boundary="in"\r\n\r\n--in\r\n\r\nfirst'
    root, defects = parse_structure(multipart(inner, "\r\nsecond"))
    assert [part.content for part in leaves(root)] == [b"first", b"second"]
    assert defects == ("missing-end-boundary",)


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", "; boundary=absent", f"; boundary={'b' * 300}"]
)
def test_a_multipart_that_cannot_be_split_is_shown_whole(boundary):
    root, defects = parse_structure(letter("text", f"Content-Type: multipart/mixed{boundary}"))
    assert (root.content_type, root.content) == ("text/plain", b"text")
    assert defects == ("missing-boundary",)


def test_parts_of_a_digest_are_messages():
    root, _defects = parse_structure(multipart("\r\nSubject: a\r\n\r\nb", subtype="digest"))
    assert root.children[0].content_type == "message/rfc822"


def test_an_invalid_type_is_a_file_and_a_bare_text_is_text():
    for value, expected in (("text", "text/plain"), ("a b/c", "application/octet-stream")):
        root, defects = parse_structure(letter("x", f"Content-Type: {value}"))
        assert root.content_type == expected
        assert defects == ("bad-content-type",)


@pytest.mark.parametrize(
    ("encoding", "body", "content", "defects"),
    [
        ("base64", "YWJj", b"abc", ()),
        ("quoted-printable", "a=\r\nb=3D", b"ab=", ()),
        ("8bit", "abc", b"abc", ()),
        ("x-uuencode", "begin 644 a\r\n#86)C\r\n`\r\nend\r\n", b"abc", ()),
        ("x-uuencode", "#86)CXX\r\n", b"abc", ()),
        ("x-uuencode", "#\x7f\x7f\x7f\x7f", b"#\x7f\x7f\x7f\x7f", ("bad-uuencode",)),
        ("rot13", "abc", b"abc", ("unknown-transfer-encoding",)),
    ],
)
def test_transfer_encodings_are_undone(encoding, body, content, defects):
    root, found = parse_structure(letter(body, f"Content-Transfer-Encoding: {encoding}"))
    assert root.content == content
    assert found == defects


def test_bare_returns_are_line_ends_when_there_is_no_other():
    root, _defects = parse_structure(b"Subject: a\r\rbody")
    assert root.headers.first("Subject") == "a"
    assert root.content == b"body"


def test_beyond_the_last_level_the_rest_is_one_file():
    raw = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(MAX_DEPTH * 2)
    )
    root, defects = parse_structure(raw + b"\r\nlast words")
    assert "too-deep" in defects
    (leaf,) = leaves(root)
    assert leaf.content_type == "application/octet-stream"
    assert leaf.content.endswith(b"last words")


def test_beyond_the_last_part_the_rest_is_one_file():
    raw = multipart(*[f"\r\npart {number}" for number in range(MAX_PARTS + 100)])
    root, defects = parse_structure(raw)
    assert "too-many-parts" in defects
    assert len(root.children) == MAX_PARTS
    assert b"part 599" in root.children[-1].content


@pytest.mark.parametrize(
    "raw",
    [
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
            for level in range(60_000)
        ),
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * 750_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b x\n" * 500_000,
        b"X: y\n" * 600_000,
        b"X: y\n" + b" z\n" * 1_000_000,
        b"Subject: " + b"=?utf-8?q?" * 300_000,
        b"\n" * 3_000_000,
    ],
    ids=["nested", "marks", "empty", "almost", "headers", "folds", "words", "blank"],
)
def test_three_hostile_megabytes_take_less_than_two_seconds(raw):
    start = time.process_time()
    parse_structure(raw)
    assert (
        time.process_time() - start < 20
    )  # Quadratic work would take minutes; a busy machine must not matter.


@given(st.binary(max_size=2_000))
@settings(deadline=None, max_examples=200)
def test_any_bytes_have_a_structure(raw):
    root, _defects = parse_structure(raw)
    assert leaves(root)
