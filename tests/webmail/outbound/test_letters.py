"""A letter on the wire: stuffed the same wherever it is cut, and watched for its pace."""

import itertools

import pytest
from hypothesis import given, strategies as st

from webmail.outbound.letters import Progress, stuffed


@given(
    st.lists(st.sampled_from([b".", b"\r\n", b"a", b"..", b"\r\n.", b"\r\n.\r\n"]), max_size=12),
    st.data(),
)
def test_stuffing_is_the_same_wherever_the_pieces_are_cut(parts, data):
    content = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=6).map(sorted))
    edges = [0, *cuts, len(content)]
    pieces = [content[a:b] for a, b in itertools.pairwise(edges)]
    wire = b"".join(stuffed(pieces))
    assert wire == b"".join(stuffed([content]))
    lines = wire.split(b"\r\n")
    assert b"\r\n".join(one[1:] if one.startswith(b".") else one for one in lines) in {
        content,
        content + b"\r\n",
    }
    assert not any(one == b"." for one in lines)


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("webmail.outbound.letters.time.monotonic", lambda: now[0])
    return now


def make_progress(clock, *, patience):
    return Progress(lambda: None, patience=patience, began=clock[0])


def test_peer_that_keeps_pace_has_all_the_time_it_needs(clock):
    progress = make_progress(clock, patience=60)
    for _ in range(1000):
        clock[0] += 5
        progress.note_sent(64 * 1024)


def test_peer_that_takes_a_letter_by_drops_is_not_waited_for(clock):
    progress = make_progress(clock, patience=60)
    clock[0] += 59
    progress.note_sent(1)
    clock[0] += 59
    with pytest.raises(TimeoutError):
        progress.note_sent(1)


def test_end_is_out_once_the_caller_has_noted_it(clock):
    noted = []
    progress = Progress(lambda: noted.append(progress.is_dot_out), patience=1, began=clock[0])
    progress.let_dot_out()
    assert noted == [False]
    assert progress.is_dot_out


def test_end_is_not_out_when_the_caller_forbids_it(clock):
    def forbid():
        raise LookupError

    progress = Progress(forbid, patience=1, began=clock[0])
    with pytest.raises(LookupError):
        progress.let_dot_out()
    assert not progress.is_dot_out
