"""One message for one ending: no form of line end makes two messages of one, whatever the packets.
Judged by what is stored, not by what is answered.
"""

import pytest

from tests.factories.letters import MARTIN, PETIT
from tests.peers.wire import Wire
from tests.webmail.inbound.test_datascan import FALSE_ENDINGS
from webmail.inbound.files import read_spooled
from webmail.models import InboundMessage

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

HEAD = b"From: " + PETIT.encode() + b"\r\nSubject: un\r\n\r\ncorps"
SMUGGLED = (
    f"MAIL FROM:<{PETIT}>\r\nRCPT TO:<{MARTIN}>\r\nDATA\r\n".encode()
    + b"From: "
    + PETIT.encode()
    + b"\r\nSubject: deux\r\n\r\nsmuggled\r\n.\r\n"
)
CUTS = {
    "whole": lambda ending: [HEAD + ending + SMUGGLED],
    "byte by byte": lambda ending: [bytes([byte]) for byte in HEAD[-4:] + ending + SMUGGLED[:20]],
    "inside the ending": lambda ending: [
        HEAD + ending[: len(ending) // 2],
        ending[len(ending) // 2 :] + SMUGGLED,
    ],
}


def pieces_of(ending, cut):
    if cut == "byte by byte":
        # The bytes around the ending go one by one; the rest would only take time.
        return [HEAD[:-4], *CUTS[cut](ending), SMUGGLED[20:]]
    return CUTS[cut](ending)


@pytest.mark.parametrize("cut", CUTS)
def test_false_ending_never_makes_two_messages(listener, martin_box, context, cut):
    for ending in FALSE_ENDINGS:
        InboundMessage.objects.all().delete()
        with Wire(listener) as wire:
            wire.introduce(context).open_data(PETIT, MARTIN)
            wire.send_in_pieces(pieces_of(ending, cut))
            reply = wire.last()
            stored = list(InboundMessage.objects.all())
            if reply.startswith("554 5.6.0"):
                assert wire.is_closed(), ending
                stored = list(InboundMessage.objects.all())
                assert stored == [], ending
                continue
            # It is one message, with everything that was to be smuggled inside it.
            assert reply.startswith("250 2."), (ending, reply)
            assert len(stored) == 1, ending
            assert b"smuggled" in read_spooled(stored[0])
            assert wire.say("NOOP").startswith("250"), ending


@pytest.mark.parametrize("ending", [b"\n", b"\r"])
def test_bare_line_end_is_refused_and_nothing_after_it_is_looked_at(
    listener, martin_box, context, ending
):
    with Wire(listener) as wire:
        wire.introduce(context).open_data(PETIT, MARTIN)
        wire.send(HEAD + ending + b"x\r\n.\r\n" + SMUGGLED)
        assert wire.last() == "554 5.6.0 bare CR or LF in message"
        assert wire.is_closed()
    assert not InboundMessage.objects.exists()


def test_plain_connection_takes_no_message_at_all(listener, martin_box):
    for ending in FALSE_ENDINGS:
        with Wire(listener) as wire:
            wire.say("EHLO mss.cabinet-tilleuls.example")
            wire.send(SMUGGLED.replace(b"smuggled", b"smuggled" + ending))
            assert wire.last() == "530 5.7.0 Must issue a STARTTLS command first"
    assert not InboundMessage.objects.exists()


def test_commands_in_the_packet_of_starttls_are_dropped(listener, martin_box, context):
    with Wire(listener) as wire:
        wire.say("EHLO mss.cabinet-tilleuls.example")
        wire.send(b"STARTTLS\r\nEHLO injected.example\r\n" + SMUGGLED)
        assert wire.last().startswith("220")
        try:
            wire._socket = context.wrap_socket(wire._socket)
        except OSError:
            # The handshake fails on bytes that are no handshake: dropped with their connection.
            return
        wire._file = wire._socket.makefile("rb")
        assert wire.say(f"MAIL FROM:<{PETIT}>").startswith("503 5.5.1")
    assert not InboundMessage.objects.exists()


def test_command_pipelined_after_the_dot_is_answered(listener, martin_box, context):
    with Wire(listener) as wire:
        wire.introduce(context).open_data(PETIT, MARTIN)
        wire.send(HEAD + b"\r\n.\r\n" + SMUGGLED + b"QUIT\r\n")
        replies = [wire.last()[:3] for _ in range(6)]
    assert replies == ["250", "250", "250", "354", "250", "221"]
    assert InboundMessage.objects.count() == 2
