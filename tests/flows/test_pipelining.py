"""Commands sent without waiting (RFC 2920): answered each and in their order, however they are cut;
and a flood of them holds up nobody.
"""

import asyncio
import threading

import pytest

from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.flows.inbound import nothing_is_kept, send_letter
from tests.peers.wire import Wire
from webmail.inbound.files import read_spooled
from webmail.inbound.smtpd import TrustSpaceSMTP
from webmail.models import InboundMessage

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

NOBODY = "personne@ch-valbrune.mssante.example"
RAW = make_letter(text="corps")
ENVELOPE = f"MAIL FROM:<{PETIT}> SIZE={len(RAW)}\r\nRCPT TO:<{MARTIN}>\r\n".encode()
BY_DATA = ENVELOPE + b"DATA\r\n" + RAW + b".\r\n"
BY_CHUNK = ENVELOPE + b"BDAT %d LAST\r\n" % len(RAW) + RAW
STORIES = {
    "data": (BY_DATA, ["250", "250", "354", "250"]),
    "chunk": (BY_CHUNK, ["250", "250", "250"]),
}


@pytest.fixture(autouse=True)
def _own_spool(settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"


def codes(wire, count):
    return [wire.last()[:3] for _ in range(count)]


@pytest.mark.parametrize("story", STORIES)
def test_letters_in_one_packet_are_all_answered_and_kept(wire, martin_box, story):
    sent, replies = STORIES[story]
    wire.send(sent * 3 + b"QUIT\r\n")
    assert codes(wire, len(replies) * 3 + 1) == [*replies * 3, "221"]
    assert [read_spooled(one) for one in InboundMessage.objects.all()] == [RAW] * 3


@pytest.mark.parametrize("story", STORIES)
def test_letters_cut_anywhere_are_the_same_letters(wire, martin_box, story):
    sent, replies = STORIES[story]
    borders = [n for n in range(1, len(sent)) if n < len(ENVELOPE) + 25 or n > len(sent) - 8]
    for border in borders:
        wire.send(sent[:border])
        wire.send(sent[border:])
        assert codes(wire, len(replies)) == replies, border
    assert {read_spooled(one) for one in InboundMessage.objects.all()} == {RAW}
    assert InboundMessage.objects.count() == len(borders)


def test_letters_byte_by_byte_are_the_same_letters(wire, martin_box):
    sent, replies = STORIES["chunk"]
    wire.send_in_pieces(bytes([one]) for one in sent)
    assert codes(wire, len(replies)) == replies
    assert read_spooled(InboundMessage.objects.get()) == RAW


def test_chunks_in_one_packet_are_one_letter(wire, martin_box):
    first, second = RAW[:50], RAW[50:]
    chunks = b"BDAT %d\r\n" % len(first) + first + b"BDAT %d LAST\r\n" % len(second) + second
    wire.send((ENVELOPE + chunks) * 2)
    assert codes(wire, 8) == ["250"] * 8
    assert InboundMessage.objects.count() == 2


def test_refused_recipient_of_a_pipeline_costs_only_its_own_copy(wire, martin_box):
    wire.send(BY_DATA.replace(b"RCPT", f"RCPT TO:<{NOBODY}>\r\nRCPT".encode(), 1))
    assert codes(wire, 5) == ["250", "550", "250", "354", "250"]


@pytest.mark.parametrize("first", ["MAIL", "RCPT"])
def test_refused_pipeline_of_a_chunk_is_consumed(wire, martin_box, first):
    """Whoever sent all at once sent the message too: it is skipped, and never read as commands."""
    envelope = {
        "MAIL": f"MAIL FROM:<{MARTIN}>\r\nRCPT TO:<{MARTIN}>\r\n",
        "RCPT": f"MAIL FROM:<{PETIT}>\r\nRCPT TO:<{NOBODY}>\r\n",
    }[first].encode()
    body = b"QUIT\r\n" * 1000
    wire.send(envelope + b"BDAT %d LAST\r\n" % len(body) + body + b"RSET\r\n" + BY_CHUNK)
    refused = ["550", "503"] if first == "MAIL" else ["250", "550"]
    assert codes(wire, 7) == [*refused, "503", "250", "250", "250", "250"]
    assert InboundMessage.objects.count() == 1


def test_refused_pipeline_of_data_sends_no_message(wire, martin_box):
    wire.send(f"MAIL FROM:<{PETIT}>\r\nRCPT TO:<{NOBODY}>\r\nDATA\r\nRSET\r\n".encode() + BY_DATA)
    assert codes(wire, 8) == ["250", "550", "503", "250", "250", "250", "354", "250"]


def test_letter_that_could_not_be_kept_leaves_the_pipeline_in_order(wire, martin_box, monkeypatch):
    def surprise(*_args, **_kwargs):
        raise ValueError("surprise")

    with monkeypatch.context() as patched:
        patched.setattr("webmail.inbound.spool.record_events", surprise)
        wire.send(BY_CHUNK)
        assert codes(wire, 3) == ["250", "250", "451"]
    wire.send(BY_CHUNK)
    assert codes(wire, 3) == ["250", "250", "250"]
    assert InboundMessage.objects.count() == 1


@pytest.mark.parametrize(
    "flood",
    [b"RSET\r\n", b"NOOP\r\n", b"\r\n", b"\n", b"EHLO a\r\n", b"x" * 520 + b"\r\n"],
)
def test_flood_of_words_that_lead_to_no_letter_ends(listener, context, wire, martin_box, flood):
    with Wire(listener) as peer:
        peer.introduce(context)
        peer.send(flood * (60_000 // len(flood)))
        replies = []
        while reply := peer.last():
            replies.append(reply)
        assert replies[-1] == "421 4.7.0 many words and no letter, come back later"
        assert len(replies) < 110
    assert send_letter(wire).startswith("250 2.0.0")


def test_resets_between_letters_are_no_flood(wire, martin_box):
    for _ in range(3):
        wire.send(b"RSET\r\n" * 60)
        assert codes(wire, 60) == ["250"] * 60
        assert send_letter(wire).startswith("250 2.0.0")


def test_others_have_their_turn_between_any_two_answers(wire, monkeypatch):
    """However many commands come in one packet, the event loop turns after each."""
    push = TrustSpaceSMTP.push
    turns, is_over = [0], threading.Event()
    seen: list[int] = []

    def turn(loop):
        turns[0] += 1
        if not is_over.is_set():
            loop.call_soon(turn, loop)

    async def noted(self, status):
        if not seen:
            turn(asyncio.get_running_loop())
        await push(self, status)
        seen.append(turns[0])

    monkeypatch.setattr(TrustSpaceSMTP, "push", noted)
    try:
        wire.send(b"NOOP\r\n" * 50)
        assert codes(wire, 50) == ["250"] * 50
    finally:
        is_over.set()
    assert len(set(seen)) == len(seen)


def test_words_nobody_knows_are_not_kept(listener, wire):
    with Wire(listener) as stranger:
        stranger.say("EHLO a")
        for number in range(50):
            stranger.send(b"%d" % number * 1000 + b"\r\n")
            assert stranger.last().startswith("500 5.5.2")
    assert nothing_is_kept()


def test_long_sender_is_not_refused_because_another_peer_connects(listener, wire, martin_box):
    """aiosmtpd keeps one table of line lengths for all its connections."""
    with Wire(listener):
        padding = " " * 600
        assert wire.say(f"MAIL FROM:<{PETIT}>{padding}SIZE=5").startswith("250")
