"""Everything a peer can do wrong, and everything that can go wrong here while it does right.

Each has its answer, and what was not promised leaves nothing behind.
"""

import contextlib
import os
import re
import ssl
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from directory.models import WhitelistSnapshot
from directory.trust.certificates import identify_peer
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.issuance import current_time
from mssante.demo.operators import PRACTICE
from mssante.demo.pki import issue_operator, revoke, write_crl
from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.factories.people import make_mailbox
from tests.flows.conftest import peer_context
from tests.flows.inbound import (
    nothing_is_kept,
    process_all,
    send_letter,
    spool_files,
    wait_for,
)
from tests.peers.servers import running_listener
from tests.peers.wire import Wire
from tests.pki import builder
from tests.pki.handshake import write_identity
from webmail.inbound import committer, files, gate, smtpd, spool
from webmail.models import InboundMessage, MailboxKind, Message

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

EHLO = "mss.cabinet-tilleuls.example"
ENHANCED = re.compile(r"([245])\d\d[ -]\1\.\d{1,3}\.\d{1,3} \S")


@pytest.fixture(autouse=True)
def _own_spool(settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"


@pytest.fixture
def bare_context(trust_space):
    """TLS without a certificate of one's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def last_refusal():
    return AuditEvent.objects.filter(event=Event.INBOUND_MESSAGE_REFUSED).latest("pk").detail


# Recipients


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        ("personne@ch-valbrune.mssante.example", "550 5.1.1 no such mailbox"),
        ("camille.martin@ailleurs.mssante.example", "550 5.7.1 relaying denied"),
        ("hugo.petit@cabinet-tilleuls.mssante.example", "550 5.7.1 relaying denied"),
        (
            "camille.martin%ailleurs.example@relais.mssante.example",
            "550 5.7.1 relaying denied",
        ),
    ],
)
def test_recipient_who_is_not_ours_is_refused(wire, martin_box, address, reply):
    wire.say(f"MAIL FROM:<{PETIT}>")
    assert wire.say(f"RCPT TO:<{address}>") == reply
    assert last_refusal()["domain"] == PRACTICE.domain
    assert address not in str(last_refusal())


@pytest.mark.parametrize(
    ("change", "size", "reply"),
    [
        ({"status": "closed"}, 0, "550 5.2.1 mailbox closed"),
        ({"status": "suspended"}, 0, "450 4.2.1 mailbox suspended"),
        ({"used_bytes": 101, "quota_bytes": 100}, 0, "452 4.2.2 mailbox full"),
        ({"used_bytes": 1, "quota_bytes": 1000}, 1000, "452 4.2.2 mailbox full"),
        ({"kind": MailboxKind.PATIENT}, 0, "550 5.1.1 no such mailbox"),
    ],
)
def test_box_that_cannot_take_a_letter_says_why(wire, martin_box, change, size, reply):
    for name, value in change.items():
        setattr(martin_box, name, value)
    martin_box.save()
    wire.say(f"MAIL FROM:<{PETIT}> SIZE={size}")
    assert wire.say(f"RCPT TO:<{MARTIN}>") == reply


def test_one_bad_recipient_does_not_cost_the_others_their_letter(wire, martin_box):
    wire.say(f"MAIL FROM:<{PETIT}>")
    assert wire.say("RCPT TO:<personne@ch-valbrune.mssante.example>").startswith("550")
    assert wire.say(f"RCPT TO:<{MARTIN.upper()}>").startswith("250")
    wire.say("DATA")
    wire.send(make_letter() + b".\r\n")
    assert wire.last().startswith("250 2.0.0")
    process_all()
    assert Message.objects.get().mailbox == martin_box


def test_recipients_past_the_limit_are_sent_again_later(wire, martin_box, dr_petit, settings):
    settings.SMTP_RECIPIENT_LIMIT = 1
    other = make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)
    wire.say(f"MAIL FROM:<{PETIT}>")
    assert wire.say(f"RCPT TO:<{MARTIN}>").startswith("250")
    assert wire.say(f"RCPT TO:<{other.address}>") == "452 4.5.3 too many recipients"


def test_two_recipients_of_one_transaction_get_a_copy_each(wire, martin_box, dr_petit):
    other = make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)
    assert send_letter(wire, None, MARTIN, other.address, MARTIN).startswith("250 2.0.0")
    assert InboundMessage.objects.get().recipients.count() == 2
    process_all()
    assert {message.mailbox_id for message in Message.objects.all()} == {martin_box.pk, other.pk}


# Size


def test_announced_size_past_the_limit_is_refused_at_mail(wire, settings):
    too_much = settings.MESSAGE_SIZE_LIMIT_IN + 1
    assert wire.say(f"MAIL FROM:<{PETIT}> SIZE={too_much}") == "552 5.3.4 message too big"
    assert wire.say(f"MAIL FROM:<{PETIT}> SIZE={'9' * 40}") == "552 5.3.4 message too big"


def test_real_size_past_the_limit_is_refused_after_data(wire, martin_box, settings):
    settings.MESSAGE_SIZE_LIMIT_IN = 20_000
    assert send_letter(wire, make_letter(text="long " * 8000)) == "552 5.3.4 message too big"
    assert nothing_is_kept()
    # The connection goes on.
    assert send_letter(wire).startswith("250 2.0.0")


# Who sends


def test_peer_without_certificate_is_told_so_at_mail(listener, martin_box, bare_context):
    with Wire(listener) as wire:
        wire.introduce(bare_context)
        reply = wire.say(f"MAIL FROM:<{PETIT}>")
        assert reply == "550 5.7.1 client certificate required"
        assert wire.say(f"RCPT TO:<{MARTIN}>").startswith("503 5.5.1")
        assert wire.say("DATA").startswith("503 5.5.1")
    assert nothing_is_kept()


def test_listed_name_from_an_unknown_authority_does_not_get_through_the_handshake(
    listener, trust_space, foreign_space, tmp_path
):
    forged = issue_operator(
        foreign_space,
        key=PRACTICE.key,
        common_name=PRACTICE.host,
        organisation=PRACTICE.organisation,
        structure_id=PRACTICE.structure_id,
        department=PRACTICE.department,
        folder=tmp_path / "forged",
    )
    context = peer_context(trust_space, PRACTICE.key, server=False)
    context.load_cert_chain(forged.certificate, forged.key)
    # With TLS 1.3 the refusal shows at the first read after the handshake.
    with Wire(listener) as wire, pytest.raises((ssl.SSLError, ConnectionError)):  # noqa: PT012
        wire.introduce(context)
        if not wire.say(f"MAIL FROM:<{PETIT}>"):
            raise ConnectionResetError
    assert nothing_is_kept()


def test_good_certificate_that_is_on_no_list_is_refused_at_mail(
    listener, trust_space, context, tmp_path
):
    issued = builder.peer(trust_space)
    paths = write_identity(tmp_path, issued, trust_space.authority())
    context.load_cert_chain(paths["certificate"], paths["key"])
    with Wire(listener) as wire:
        wire.introduce(context)
        reply = "550 5.7.1 operator not in white list"
        assert wire.say(f"MAIL FROM:<{PETIT}>") == reply
        # A null sender names no domain, and is no way round.
        assert wire.say("MAIL FROM:<>") == reply


def test_revoked_certificate_is_refused_at_mail(own_space, martin_box):
    refresh_whitelist()
    context = peer_context(own_space, PRACTICE.key, server=False)
    path = own_space.root / "operators" / PRACTICE.key / "cert.pem"
    revoke(own_space, identify_peer(builder.der_of(path.read_bytes())).serial)
    with running_listener() as port, Wire(port) as wire:
        wire.introduce(context)
        assert wire.say(f"MAIL FROM:<{PETIT}>") == "550 5.7.1 certificate revoked"


def test_revocation_list_too_old_to_tell_holds_mail_back(own_space, martin_box):
    refresh_whitelist()
    write_crl(
        own_space,
        "organisations",
        "issuing",
        this_update=current_time() - timedelta(days=30),
        next_update=current_time() - timedelta(days=20),
    )
    context = peer_context(own_space, PRACTICE.key, server=False)
    with running_listener() as port, Wire(port) as wire:
        wire.introduce(context)
        assert wire.say(f"MAIL FROM:<{PETIT}>").startswith("454 4.7.0 certificate status")


def test_white_list_too_old_to_tell_holds_mail_back(wire, settings, martin_box):
    old = timezone.now() - timedelta(hours=settings.WHITELIST_MAX_AGE_HOURS, minutes=1)
    WhitelistSnapshot.objects.update(checked_at=old)
    assert wire.say(f"MAIL FROM:<{PETIT}>").startswith("454 4.7.0 white list too old")


def test_no_white_list_at_all_holds_mail_back(wire):
    WhitelistSnapshot.objects.update(is_active=False)
    assert wire.say(f"MAIL FROM:<{PETIT}>").startswith("454 4.7.0")


@pytest.mark.parametrize(
    "sender",
    [
        MARTIN,
        "hugo.petit@sous.cabinet-tilleuls.mssante.example",
        "hugo.petit@labo.mssante.example",
        '"a@cabinet-tilleuls.mssante.example"@labo.mssante.example',
    ],
)
def test_domain_of_another_certificate_is_refused_at_mail(wire, sender):
    reply = wire.say(f"MAIL FROM:<{sender}>")
    assert reply == "550 5.7.1 sender domain not authorised for this certificate"


@pytest.mark.parametrize(
    "author",
    [
        b"From: " + MARTIN.encode(),
        b"From: " + PETIT.encode() + b"\r\nFrom: " + MARTIN.encode(),
        b"From: " + PETIT.encode() + b", " + MARTIN.encode(),
        b'From: "' + PETIT.encode() + b'" <' + MARTIN.encode() + b">",
        b"FROM : <" + MARTIN.encode() + b">",
        b"From:\r\n " + MARTIN.encode(),
    ],
)
def test_author_of_another_domain_is_refused_after_data(wire, martin_box, author):
    letter = author + b"\r\nSubject: x\r\n\r\ncorps\r\n"
    assert send_letter(wire, letter) == "550 5.7.1 From: is not in the sender's domain"
    assert nothing_is_kept()


@pytest.mark.parametrize("padding", [b"X-Long: " + b"a" * 900 + b"\r\n", b" \r\n"])
def test_author_behind_an_endless_header_is_not_overlooked(wire, martin_box, padding):
    count = gate.HEADER_BYTES // len(padding) + 1
    letter = b"X: y\r\n" + padding * count + b"From: " + MARTIN.encode() + b"\r\n\r\ncorps\r\n"
    assert send_letter(wire, letter) == "554 5.6.0 header section too long"
    assert nothing_is_kept()


def test_long_first_line_of_a_body_is_no_endless_header(wire, martin_box):
    letter = make_letter().partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + b"a" * 400_000 + b"\r\n"
    assert send_letter(wire, letter).startswith("250 2.0.0")


def test_report_with_null_sender_is_taken_from_a_listed_peer(wire, martin_box):
    raw = make_letter(sender="MAILER-DAEMON@mss.cabinet-tilleuls.example")
    assert send_letter(wire, raw, sender="").startswith("550 5.7.1 From:")
    raw = raw.replace(b"Content-Type: text/plain", b"Content-Type: multipart/report")
    assert send_letter(wire, raw, sender="").startswith("250 2.0.0")
    process_all()
    assert Message.objects.get().from_address == "MAILER-DAEMON@mss.cabinet-tilleuls.example"


# Odd letters that are taken


@pytest.mark.parametrize(
    "raw",
    [
        b"From: " + PETIT.encode() + "\r\nSubject: Été à Noël\r\n\r\ncorps\r\n".encode("latin-1"),
        b"From: " + PETIT.encode() + "\r\nSubject: Été\r\n\r\ncorps\r\n".encode(),
        b"From: "
        + PETIT.encode()
        + b"\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"From: " + PETIT.encode() + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
        b"no header at all\r\n",
        b"Subject: \x00\x01\r\n\r\n\x00\r\n",
        b"\r\n",
        b"",
    ],
)
def test_broken_letter_of_a_trusted_peer_is_taken_and_readable(wire, martin_box, raw):
    assert send_letter(wire, raw).startswith("250 2.0.0")
    process_all()
    assert Message.objects.get().size == len(raw)
    assert spool_files() == []


# Our own trouble


def no_room(*_args):
    """The kernel's own «no space left on device»."""
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("size", [100, 3_000_000])
def test_full_disk_is_452_and_promises_nothing(wire, martin_box, monkeypatch, settings, size):
    settings.INLINE_BYTES = -1
    monkeypatch.setattr(
        files, "os", SimpleNamespace(**{**vars(os), "open": no_room, "fsync": os.fsync})
    )
    reply = send_letter(wire, make_letter(text="a" * 70 + "\n" + ("b" * 70 + "\n") * (size // 71)))
    assert reply == "452 4.3.1 no room here at the moment, try again later"
    assert nothing_is_kept()
    monkeypatch.undo()
    assert wire.say("NOOP").startswith("250")
    assert send_letter(wire).startswith("250 2.0.0")


def test_disk_that_does_not_sync_is_452_and_promises_nothing(
    wire, martin_box, monkeypatch, settings
):
    settings.INLINE_BYTES = -1

    def broken(_descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "fsync": broken}))
    assert send_letter(wire).startswith("452 4.3.1")
    assert nothing_is_kept()


def test_database_that_does_not_commit_is_451_and_promises_nothing(wire, martin_box, monkeypatch):
    def locked(*_args, **_kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(spool, "record_events", locked)
    assert send_letter(wire).startswith("451 4.3.0")
    assert nothing_is_kept()
    monkeypatch.undo()
    assert send_letter(wire).startswith("250 2.0.0")


def test_trouble_nobody_foresaw_is_451_and_promises_nothing(wire, martin_box, monkeypatch):
    def surprise(*_args, **_kwargs):
        raise ValueError("surprise")

    monkeypatch.setattr(spool, "record_events", surprise)
    assert send_letter(wire).startswith("451 4.3.0")
    assert nothing_is_kept()


def test_disk_that_is_nearly_full_is_452_at_mail(wire, martin_box, settings, monkeypatch):
    """Whether or not there is room left to note it."""
    settings.SPOOL_LEAST_FREE_BYTES = 2**60
    full = "452 4.3.1 no room here at the moment, try again later"
    assert wire.say(f"MAIL FROM:<{PETIT}>") == full
    assert last_refusal()["reason"] == "disk"

    def no_trail(*_args, **_kwargs):
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(gate, "record_event", no_trail)
    assert wire.say(f"MAIL FROM:<{PETIT}>") == full
    settings.SPOOL_LEAST_FREE_BYTES = 0
    # A no for good leaves its trace, or is none.
    wire.say(f"MAIL FROM:<{PETIT}>")
    assert wire.say("RCPT TO:<personne@ch-valbrune.mssante.example>").startswith("451 4.3.0")
    monkeypatch.undo()
    assert wire.say(f"RCPT TO:<{MARTIN}>").startswith("250")


# Peers that leave


def test_peer_that_leaves_in_the_middle_of_data_leaves_nothing(wire, martin_box):
    wire.open_data(PETIT, MARTIN)
    wire.send(make_letter(text=("x" * 70 + "\n") * 30_000)[:-200])
    wait_for(spool_files)
    wire.close()
    wait_for(lambda: not spool_files())
    assert nothing_is_kept()


def test_peer_that_resets_in_the_middle_of_data_leaves_nothing(wire, martin_box):
    wire.open_data(PETIT, MARTIN)
    wire.send(make_letter(text="long\n" * 400_000)[:-200])
    wait_for(spool_files)
    wire.reset()
    wait_for(lambda: not spool_files())
    assert nothing_is_kept()


@pytest.fixture
def held_commit(monkeypatch):
    """The commit waits for us and we see the connection go: the moment after the dot, made long."""
    state = SimpleNamespace(
        entered=threading.Event(), go_on=threading.Event(), is_gone=threading.Event()
    )
    commit, lost = spool.commit_all, smtpd.TrustSpaceSMTP.connection_lost

    def slow_commit(*args):
        state.entered.set()
        assert state.go_on.wait(10)
        return commit(*args)

    def connection_lost(self, error):
        lost(self, error)
        state.is_gone.set()

    monkeypatch.setattr(committer, "commit_all", slow_commit)
    monkeypatch.setattr(smtpd.TrustSpaceSMTP, "connection_lost", connection_lost)
    yield state
    state.go_on.set()


def test_peer_that_leaves_after_the_dot_and_sends_again_gives_one_copy(
    listener, context, martin_box, held_commit
):
    with Wire(listener) as wire:
        wire.introduce(context).open_data(PETIT, MARTIN)
        wire.send(make_letter() + b".\r\n")
        assert held_commit.entered.wait(10)
    assert held_commit.is_gone.wait(10)
    held_commit.go_on.set()
    # Nobody heard the 250, and the message is ours all the same.
    wait_for(lambda: InboundMessage.objects.count() == 1)
    process_all()
    with Wire(listener) as wire:
        assert send_letter(wire.introduce(context)).startswith("250 2.0.0")
    process_all()
    assert InboundMessage.objects.count() == 2
    assert Message.objects.count() == 1
    assert spool_files() == []


def test_same_letter_on_two_connections_at_once_gives_one_copy(listener, context, martin_box):
    raw = make_letter()
    with Wire(listener) as first, Wire(listener) as second:
        for wire in (first, second):
            wire.introduce(context).open_data(PETIT, MARTIN)
        for wire in (first, second):
            wire.send(raw + b".\r\n")
        assert [wire.last()[:3] for wire in (first, second)] == ["250", "250"]
    assert InboundMessage.objects.count() == 2
    process_all()
    assert Message.objects.count() == 1
    martin_box.refresh_from_db()
    assert martin_box.unread == 1


# The conversation itself


def test_command_out_of_its_order_is_503(wire, martin_box):
    assert wire.say(f"RCPT TO:<{MARTIN}>").startswith("503 5.5.1")
    assert wire.say("DATA").startswith("503 5.5.1")
    wire.say(f"MAIL FROM:<{PETIT}>")
    assert wire.say(f"MAIL FROM:<{PETIT}>").startswith("503 5.5.1")
    assert wire.say("DATA").startswith("503 5.5.1")
    for word in ("RSET", f"EHLO {EHLO}", f"HELO {EHLO}"):
        wire.say("RSET")
        wire.say(f"MAIL FROM:<{PETIT}>")
        wire.say(f"RCPT TO:<{MARTIN}>")
        wire.say(word)
        assert wire.say("DATA").startswith("503 5.5.1"), word
        assert wire.say(f"RCPT TO:<{MARTIN}>").startswith("503 5.5.1"), word
    assert nothing_is_kept()


COMMANDS = [
    "FOO",
    "",
    "\xe9",
    "VRFY camille.martin",
    "AUTH PLAIN AAAA",
    "STARTTLS",
    "STARTTLS now",
    "NOOP",
    "RSET",
    "RSET now",
    "HELO",
    "EHLO",
    "MAIL",
    "MAIL FROM:camille",
    "MAIL FROM:<sans-arobase>",
    "MAIL FROM:<é@cabinet-tilleuls.mssante.example>",
    "MAIL FROM:<a\x00b@cabinet-tilleuls.mssante.example>",
    f"MAIL FROM:<{PETIT}> SMTPUTF8",
    f"MAIL FROM:<{PETIT}> SIZE=douze",
    f"MAIL FROM:<{PETIT}> BODY=BINARYMIME",
    f"RCPT TO:<{MARTIN}>",
    "DATA",
    "BDAT 0 LAST",
    f"MAIL FROM:<{PETIT}>",
    f"MAIL FROM:<{PETIT}>",
    "RCPT TO:<>",
    "RCPT",
    f"RCPT TO:<{MARTIN}> NOTIFY=NEVER",
    "RCPT TO:<" + "a" * 400 + "@ch-valbrune.mssante.example>",
    f"RCPT TO:<{MARTIN}>",
    f"RCPT TO:<{MARTIN}>" + " " * 5000,
    "A" * 100_000,
    "DATA now",
]


def test_every_reply_carries_an_enhanced_code(wire, martin_box, settings):
    bare = {}
    for command in COMMANDS:
        wire.send(command.encode() + b"\r\n")
        reply = wire.last()
        if not ENHANCED.match(reply):
            bare[command[:40]] = reply
    assert bare == {}
    assert ENHANCED.match(wire.say("QUIT"))


def test_every_reply_before_tls_carries_an_enhanced_code(listener, trust_space):
    with Wire(listener) as wire:
        assert wire.greeting[-1].startswith("220 ")
        for command in ("FOO", "NOOP", "MAIL FROM:<a@b.example>", f"HELO {EHLO}", "DATA", "RSET"):
            assert ENHANCED.match(wire.say(command)), command
        assert ENHANCED.match(wire.say("STARTTLS now"))
        assert ENHANCED.match(wire.say("QUIT"))


def test_stream_of_nonsense_ends_the_conversation(wire):
    replies = [wire.say("FOO") for _ in range(5)]
    assert replies[-1].startswith("502 5.5.1")
    assert wire.is_closed()


def patiently(listener):
    """A connection, once there is room for one more."""

    def greeted():
        wire = Wire(listener)
        if wire.greeting[-1].startswith("220"):
            return wire
        wire.close()
        return None

    return wait_for(greeted)


def test_peer_past_the_limit_is_told_to_come_back(listener, context, settings):
    settings.SMTP_CONNECTION_LIMIT = 2
    # Many in turn, with and without TLS and with an abrupt end: each is counted once, and given
    # back once.
    for number in range(9):
        with patiently(listener) as wire:
            if number % 2:
                wire.introduce(context)
            if number % 3 == 0:
                wire.reset()
    with patiently(listener) as first, patiently(listener) as second:
        first.introduce(context)
        second.introduce(context)
        with Wire(listener) as third:
            third.start_tls(context)
            assert third.say("EHLO peer.example") == (
                "421 4.3.2 too many connections, try again later"
            )
            assert third.is_closed()
        assert second.say("NOOP").startswith("250")


def test_idle_strangers_keep_no_peer_out(listener, context, settings, martin_box):
    settings.SMTP_STRANGER_LIMIT = 5
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(Wire(listener)) for _ in range(30)]
        with Wire(listener) as peer:
            peer.introduce(context)
            assert send_letter(peer, make_letter()).startswith("250 2.0.0")
        # The oldest were cut to make room; the last ones are still there.
        assert idle[0].is_closed()
        assert idle[-1].say("NOOP").startswith("250")
