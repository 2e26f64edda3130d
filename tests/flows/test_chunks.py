"""Messages in counted pieces (BDAT, RFC 3030): whole and byte for byte, or refused; and what is no
letter is never read as a command.
"""

import os
from types import SimpleNamespace

import pytest

from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.flows.inbound import (
    nothing_is_kept,
    process_all,
    send_letter,
    spool_files,
    wait_for,
)
from tests.peers.wire import Wire
from webmail.inbound import files, smtpd
from webmail.inbound.files import read_spooled
from webmail.mailbox.reading import source_of
from webmail.models import InboundMessage, Message

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

OURS = "250 2.0.0 message is ours now"
MORE = "250 2.0.0 chunk received"
BARE = "554 5.6.0 bare CR or LF in message"
TOO_BIG = "552 5.3.4 message too big"
NO_RECIPIENT = "503 5.5.1 need RCPT command"
LONG = make_letter(text="x" * 70 + "\n" + ("ligne\n." * 400_000))


@pytest.fixture(autouse=True)
def _own_spool(settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"


@pytest.fixture
def addressed(wire, martin_box):
    return wire.address(PETIT, MARTIN)


def stored():
    return read_spooled(InboundMessage.objects.get())


def halves(raw):
    return raw[: len(raw) // 2], raw[len(raw) // 2 :]


@pytest.mark.parametrize("limit", [-1, 64 * 1024])
@pytest.mark.parametrize("raw", [make_letter(text=".\n..\n.x"), LONG], ids=["short", "long"])
def test_letter_in_chunks_arrives_byte_for_byte(addressed, settings, raw, limit):
    settings.INLINE_BYTES = limit
    first, second = halves(raw)
    assert addressed.chunk(first) == MORE
    assert addressed.chunk(second, is_last=True) == OURS
    assert stored() == raw
    process_all()
    assert source_of(Message.objects.get()).endswith(raw)
    assert spool_files() == []


@pytest.mark.parametrize("word", ["LAST", "last", " LAST"])
def test_last_chunk_may_be_empty(addressed, word):
    raw = make_letter()
    assert addressed.chunk(raw) == MORE
    assert addressed.say(f"BDAT 0 {word}") == OURS
    assert stored() == raw


def test_empty_message_is_a_message(addressed):
    assert addressed.say("BDAT 0 LAST") == OURS
    assert stored() == b""


def test_chunk_without_last_is_no_message_yet(addressed):
    assert addressed.chunk(make_letter()) == MORE
    assert not InboundMessage.objects.exists()


def test_chunk_before_its_recipient_is_consumed_and_refused(wire, martin_box):
    trap = b"QUIT\r\n" * 20_000
    assert wire.chunk(trap) == NO_RECIPIENT
    wire.say(f"MAIL FROM:<{PETIT}>")
    assert wire.chunk(trap, is_last=True) == NO_RECIPIENT
    assert wire.say("BDAT 0 LAST") == NO_RECIPIENT
    assert wire.say(f"RCPT TO:<{MARTIN}>").startswith("250")
    assert wire.chunk(make_letter(), is_last=True) == OURS


@pytest.mark.parametrize(
    "command",
    ["BDAT", "BDAT x", "BDAT -1", "BDAT 1.5", "BDAT 1 FIRST", "BDAT 99999999999", "BDAT ٣"],
)
def test_chunk_of_unknown_size_ends_the_conversation(addressed, command):
    smuggled = f"\r\nRSET\r\nMAIL FROM:<{PETIT}>\r\nRCPT TO:<{MARTIN}>\r\nBDAT 0 LAST\r\n"
    addressed.send((command + smuggled).encode())
    assert addressed.last()[:3] in {"501", "500"}
    if command.isascii():
        assert addressed.is_closed()
        assert nothing_is_kept()


def test_chunks_too_big_in_sum_are_refused_and_the_connection_goes_on(addressed, settings):
    settings.MESSAGE_SIZE_LIMIT_IN = 20_000
    assert addressed.chunk(b"a" * 15_000) == MORE
    assert addressed.chunk(b"QUIT\r\n" * 1000) == TOO_BIG
    # The rest of a pipeline has no place any more.
    assert addressed.chunk(b"QUIT\r\n" * 1000, is_last=True) == NO_RECIPIENT
    assert nothing_is_kept()
    assert send_letter(addressed) == OURS


@pytest.mark.parametrize("is_last", [True, False])
def test_one_chunk_too_big_is_read_to_its_end_and_refused(addressed, settings, is_last):
    settings.MESSAGE_SIZE_LIMIT_IN = 20_000
    assert addressed.chunk(b"QUIT\r\n" * 10_000, is_last=is_last) == TOO_BIG
    assert nothing_is_kept()
    assert addressed.say("NOOP").startswith("250")


def test_chunk_beyond_all_measure_is_not_even_read(addressed):
    assert addressed.say("BDAT 9999999999") == TOO_BIG
    assert addressed.is_closed()


def test_message_of_exactly_the_limit_is_taken(addressed, settings):
    settings.MESSAGE_SIZE_LIMIT_IN = 20_000
    raw = make_letter()
    raw += b"a" * (20_000 - len(raw))
    first, second = halves(raw)
    assert addressed.chunk(first) == MORE
    assert addressed.chunk(second, is_last=True) == OURS


def test_reset_between_chunks_forgets_them(addressed):
    assert addressed.chunk(LONG) == MORE
    assert spool_files()
    assert addressed.say("RSET").startswith("250")
    assert nothing_is_kept()
    assert addressed.say("BDAT 0 LAST") == NO_RECIPIENT
    assert addressed.address(PETIT, MARTIN).chunk(make_letter(), is_last=True) == OURS
    assert stored() == make_letter()


@pytest.mark.parametrize("greeting", ["EHLO", "HELO"])
def test_new_greeting_between_chunks_forgets_them(addressed, greeting):
    assert addressed.chunk(LONG) == MORE
    addressed.say(f"{greeting} mss.cabinet-tilleuls.example")
    assert nothing_is_kept()
    assert addressed.say("BDAT 0 LAST") == NO_RECIPIENT


def test_other_commands_between_chunks_are_out_of_order(addressed):
    first, second = halves(make_letter())
    assert addressed.chunk(first) == MORE
    for command in ("DATA", f"RCPT TO:<{MARTIN}>", f"MAIL FROM:<{PETIT}>"):
        assert addressed.say(command).startswith("503 5.5.1"), command
    assert addressed.say("NOOP").startswith("250")
    assert addressed.chunk(second, is_last=True) == OURS
    assert stored() == make_letter()


@pytest.mark.parametrize(
    ("pieces", "is_bare"),
    [
        ([b"a\r", b"\nb\r\n"], False),
        ([b"a\r", b"", b"\n"], False),
        ([b"\r", b"\n", b"\r", b"\n"], False),
        ([b"a\r", b"b\r\n"], True),
        ([b"a\r", b"\r\n"], True),
        ([b"a", b"\nb\r\n"], True),
        ([b"a\r\n", b"\n"], True),
        ([b"a\nb"], True),
        ([b"a\rb"], True),
        ([b"a\r\n", b"b\r"], True),
        ([b"a\r\n.\r\n", b".\r\n"], False),
    ],
)
def test_bare_line_end_across_the_border_of_chunks(addressed, pieces, is_bare):
    pieces = [b"From: " + PETIT.encode() + b"\r\n\r\n", *pieces]
    for piece in pieces:
        assert addressed.chunk(piece) == MORE
    assert addressed.say("BDAT 0 LAST") == (BARE if is_bare else OURS)
    if is_bare:
        assert nothing_is_kept()
    else:
        assert stored() == b"".join(pieces)
    # Counted pieces are never read as commands, so the conversation may go on.
    assert addressed.say("NOOP").startswith("250")


@pytest.mark.parametrize("moment", ["a chunk", "the last chunk"])
def test_full_disk_in_the_middle_is_452_and_promises_nothing(
    addressed, settings, monkeypatch, moment
):
    settings.INLINE_BYTES = -1

    def no_room(*_args):
        return os.open("/dev/full", os.O_WRONLY)

    assert addressed.chunk(make_letter()) == MORE
    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "open": no_room}))
    reply = addressed.chunk(b"QUIT\r\n" * 500_000, is_last=moment == "the last chunk")
    assert reply.startswith("452 4.3.1")
    assert nothing_is_kept()
    monkeypatch.undo()
    assert send_letter(addressed) == OURS


def test_trouble_nobody_foresaw_never_makes_a_command_of_a_chunk(addressed, monkeypatch):
    def surprise():
        raise ValueError("surprise")

    monkeypatch.setattr(smtpd, "Intake", surprise)
    smuggled = f"RSET\r\nMAIL FROM:<{PETIT}>\r\nRCPT TO:<{MARTIN}>\r\nDATA\r\n".encode()
    assert addressed.chunk(smuggled, is_last=True).startswith("451 4.3.0")
    assert addressed.is_closed()


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("moment", ["between chunks", "inside one"])
def test_peer_that_leaves_between_or_inside_chunks_leaves_nothing(addressed, way, moment):
    assert addressed.chunk(LONG) == MORE
    if moment == "inside one":
        addressed.send(b"BDAT 100000 LAST\r\n" + b"x" * 1000)
    assert spool_files()
    getattr(addressed, way)()
    wait_for(lambda: not spool_files())
    assert nothing_is_kept()


def test_author_of_another_domain_is_refused_after_the_last_chunk(addressed):
    letter = make_letter(sender=MARTIN)
    assert addressed.chunk(letter[:10]) == MORE
    assert addressed.chunk(letter[10:], is_last=True).startswith("550 5.7.1 From:")
    assert nothing_is_kept()


def test_chunks_that_come_too_slowly_are_cut(addressed, settings, caplog):
    assert addressed.chunk(b"From: x\r\n") == MORE
    settings.SMTP_IDLE_SECONDS = -60
    addressed.send(b"BDAT 10 LAST\r\n12345")
    assert addressed.is_closed()
    assert nothing_is_kept()
    wait_for(lambda: "event=smtp_cut error=ConnectionResetError" in caplog.text)
    assert "never retrieved" not in caplog.text


def test_chunks_before_tls_are_no_message(listener, martin_box):
    with Wire(listener) as wire:
        wire.say("EHLO mss.cabinet-tilleuls.example")
        assert wire.say("BDAT 0 LAST").startswith("530 5.7.0")
