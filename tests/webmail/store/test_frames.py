"""Encrypted frames: any content comes back, and no byte can be altered, cut, added, moved or
exchanged unseen.
"""

import io

import pytest
from hypothesis import example, given, settings as hypothesis_settings, strategies as st

from accounts.keyring import new_key
from webmail.store import frames
from webmail.store.frames import DamagedContentError, FrameEncoder, decode_frames, encode_frames

KEY = bytes(range(32))
CONTEXT = b"ab/abcdef"
SMALL = 64


@pytest.fixture
def small_frames(monkeypatch):
    """Frames of a few bytes, so that a short content has many."""
    monkeypatch.setattr(frames, "FRAME_BYTES", SMALL)


def encode(content, *, key=KEY, context=CONTEXT, compress=False, step=1 << 20):
    pieces = (content[i : i + step] for i in range(0, len(content), step))
    return b"".join(encode_frames(pieces, key, context, compress=compress))


def decode(data, *, key=KEY, context=CONTEXT):
    return b"".join(decode_frames(io.BytesIO(data), key, context))


def opens(data, **changes):
    try:
        return decode(data, **changes)
    except DamagedContentError:
        return None


def split(data):
    """The header and the frames, each with its length."""
    header, rest, found = data[:20], data[20:], []
    while rest:
        size = 4 + int.from_bytes(rest[:4], "big")
        found.append(rest[:size])
        rest = rest[size:]
    return header, found


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.binary(max_size=1000), st.integers(1, 300), st.booleans(), st.sampled_from([1, 7, SMALL]))
@example(b"", 1, True, SMALL)
@example(b"x" * SMALL, SMALL, False, SMALL)
@example(b"x" * (SMALL + 1), SMALL, True, SMALL)
@example(b"x" * SMALL * 3, 1, True, SMALL)
def test_any_content_in_any_pieces_comes_back(content, step, compress, frame_bytes):
    whole = frames.FRAME_BYTES
    frames.FRAME_BYTES = frame_bytes
    try:
        data = encode(content, compress=compress, step=step)
        assert decode(data) == content
    finally:
        frames.FRAME_BYTES = whole


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000])
@pytest.mark.parametrize("compress", [True, False])
def test_content_of_real_frames_comes_back(size, compress):
    content = (b"Compte rendu d'hospitalisation. " * (size // 32 + 1))[:size]
    assert decode(encode(content, compress=compress)) == content


def test_every_altered_bit_is_seen(small_frames):
    data = encode(b"lettre " * 30)
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1 << place % 8
        assert opens(bytes(altered)) is None, place


def test_every_cut_is_seen(small_frames):
    data = encode(b"lettre " * 30, compress=True)
    for length in range(len(data)):
        assert opens(data[:length]) is None, length


@pytest.mark.parametrize("tail", [b"\x00", b"\x00\x00\x00\x00", b"\x00\x00\x00\x10" + b"\x00" * 16])
def test_every_tail_is_seen(tail):
    assert opens(encode(b"lettre") + tail) is None


def test_frames_cannot_change_places_or_be_left_out_or_doubled(small_frames):
    header, parts = split(encode(b"".join(bytes([n]) * SMALL for n in range(4))))
    assert len(parts) == 4
    for order in ([1, 0, 2, 3], [0, 2, 1, 3], [0, 2, 3], [0, 1, 2], [3], [0, 0, 1, 2, 3], [3, 3]):
        assert opens(header + b"".join(parts[n] for n in order)) is None, order
    assert opens(header) is None


def test_frames_of_two_contents_do_not_mix(small_frames):
    contents = [bytes([n]) * SMALL * 2 for n in (1, 2)]
    (first_header, first), (second_header, second) = (split(encode(one)) for one in contents)
    assert opens(first_header + second[0] + first[1]) is None
    assert opens(first_header + first[0] + second[1]) is None
    assert opens(second_header + b"".join(first)) is None


def test_content_opens_under_its_own_key_and_name_alone():
    data = encode(b"lettre")
    assert opens(data) == b"lettre"
    assert opens(data, key=new_key()) is None
    assert opens(data, context=CONTEXT + b"x") is None
    # The last frame's mark cannot be taken for a part of the name.
    assert opens(data, context=CONTEXT + b"/last") is None


def test_frame_of_absurd_length_is_not_read():
    class Endless(io.BytesIO):
        def read(self, size=-1, /):
            assert size < 2 * 1024 * 1024
            return super().read(size)

    data = encode(b"lettre")[:20] + b"\xff\xff\xff\xff" + b"x" * 100
    with pytest.raises(DamagedContentError):
        list(decode_frames(Endless(data), KEY, CONTEXT))


def test_same_content_never_looks_the_same():
    first, second = encode(b"lettre"), encode(b"lettre")
    assert first[4:20] != second[4:20]
    assert first[20:] != second[20:]


def test_what_does_not_shrink_is_kept_as_it_is():
    noise = b"".join(new_key() for _ in range(1000))
    assert len(encode(noise, compress=True)) == len(encode(noise, compress=False))
    assert len(encode(b"a" * 32_000, compress=True)) < 1000


def test_encoder_holds_one_frame_and_no_more():
    encoder = FrameEncoder(KEY, CONTEXT, compress=False)
    for _ in range(100):
        encoder.add(b"x" * 100_000)
        assert len(encoder._buffer) <= frames.FRAME_BYTES
    assert encoder.size == 10_000_000
