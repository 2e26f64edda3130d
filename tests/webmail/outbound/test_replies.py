"""What a peer answers: bounded in length and time, and a yes only when it is one."""

import io
import socket
from typing import Any

import pytest

from webmail.outbound.replies import (
    PeerReply,
    ReplyReader,
    TransportError,
    checked,
    parse_reply,
    refusal,
)


@pytest.fixture
def line():
    """What the peer says, and the reader of it."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    with ours, theirs, ours.makefile("rb") as file:
        yield theirs, ReplyReader(file)


def test_lines_come_as_they_were_said(line):
    peer, reader = line
    reader.expect_reply(within=5)
    peer.sendall(b"250-one\r\n250 two\r\n250 next")
    assert reader.readline(1000) == b"250-one\r\n"
    assert reader.readline(1000) == b"250 two\r\n"
    peer.close()
    assert reader.readline(1000) == b"250 next"
    assert reader.readline(1000) == b""


def test_line_is_put_together_from_its_pieces(line):
    peer, reader = line
    reader.expect_reply(within=5)
    peer.sendall(b"25")
    peer.sendall(b"0 o")
    peer.sendall(b"k\r\n")
    assert reader.readline(1000) == b"250 ok\r\n"


def test_line_is_cut_at_its_limit(line):
    peer, reader = line
    reader.expect_reply(within=5)
    peer.sendall(b"250 " + b"x" * 100 + b"\r\n")
    assert len(reader.readline(50)) == 50


def test_time_of_a_reply_is_counted_over_all_its_lines(line, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("webmail.outbound.replies.time.monotonic", lambda: now[0])
    peer, reader = line
    reader.expect_reply(within=5)
    for _ in range(5):
        peer.sendall(b"250-more\r\n")
        assert reader.readline(1000) == b"250-more\r\n"
        now[0] += 1
    now[0] += 1
    peer.sendall(b"250-more\r\n")
    with pytest.raises(TimeoutError):
        reader.readline(1000)
    reader.expect_reply(within=5)
    assert reader.readline(1000) == b"250-more\r\n"


def test_answer_that_came_at_the_last_moment_counts(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("webmail.outbound.replies.time.monotonic", lambda: now[0])

    class Late(io.BytesIO):
        def peek(self, _size):
            now[0] = 5.1
            return self.getvalue()[self.tell() :]

    late: Any = Late(b"250 taken\r\n")
    reader = ReplyReader(late)
    reader.expect_reply(within=5)
    assert reader.readline(1000) == b"250 taken\r\n"


def test_reply_longer_than_its_limit_is_what_smtplib_refuses(line):
    reader = ReplyReader(io.BufferedReader(io.BytesIO(b"250-x\r\n" * 20_000)))
    reader.expect_reply(within=5)
    lines = [reader.readline(8193) for _ in range(20_000)]
    assert lines[0] == b"250-x\r\n"
    assert lines[-1] == b"x" * 8193


@pytest.mark.parametrize("code", [-1, 0, 2, 25, 99, 1000])
def test_number_that_is_no_code_is_none(code):
    assert parse_reply(code, b"what").code == 0


def test_enhanced_code_is_told_from_the_words():
    assert parse_reply(550, b"5.1.1 unknown") == PeerReply(550, "5.1.1", "unknown")
    assert parse_reply(550, b"5.1 unknown") == PeerReply(550, "", "5.1 unknown")
    assert parse_reply(250, b"") == PeerReply(250, "", "")


@pytest.mark.parametrize("code", [200, 250, 299, 400, 452, 500, 554, 599])
def test_code_that_ends_a_command_is_an_answer(code):
    assert checked(PeerReply(code, "", "")).code == code


@pytest.mark.parametrize("code", [0, 100, 199, 300, 354, 399, 600, 999])
@pytest.mark.parametrize("after_dot", [False, True])
def test_other_codes_end_nothing_and_leave_the_doubt_there_was(code, after_dot):
    with pytest.raises(TransportError, match="protocol") as caught:
        checked(PeerReply(code, "", ""), after_dot=after_dot)
    assert caught.value.after_dot == after_dot


def test_peer_that_is_closing_took_nothing():
    """RFC 5321 §3.8."""
    with pytest.raises(TransportError, match="peer_closing") as caught:
        checked(PeerReply(421, "", ""), after_dot=True)
    assert not caught.value.after_dot


def test_yes_in_the_place_of_a_go_ahead_is_none():
    with pytest.raises(TransportError, match="protocol"):
        refusal(PeerReply(250, "", ""))
    assert refusal(PeerReply(452, "", "")).code == 452
