"""The listener's places: no operator and no stranger keeps another out, and who is known is asked
again who it is.
"""

import asyncio
import contextlib
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from directory.models import TrustedDomain, WhitelistSnapshot
from directory.trust.certificates import identify_peer
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import HOSPITAL, PRACTICE
from mssante.demo.pki import revoke
from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.flows.conftest import peer_context
from tests.flows.inbound import send_letter, wait_for
from tests.peers.servers import running_listener
from tests.peers.wire import Wire
from tests.pki import builder
from webmail.inbound import committer, gate, limits, session, spool
from webmail.inbound.server import Listener, serve_until
from webmail.models import InboundMessage

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

FULL = "421 4.3.2 too many connections, try again later"
EHLO = "mss.cabinet-tilleuls.example"
TOO_FAST = "450 4.7.1 too many messages from this operator, try again later"


@pytest.fixture(autouse=True)
def _own_spool(settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"


@pytest.fixture
def other_context(trust_space):
    """Another operator of the list."""
    return peer_context(trust_space, HOSPITAL.key, server=False)


def test_hundreds_of_idle_connections_of_one_peer_and_of_strangers_keep_no_other_out(
    listener, context, other_context, settings, martin_box
):
    settings.SMTP_PEER_CONNECTION_LIMIT = 10
    settings.SMTP_STRANGER_LIMIT = 20
    with contextlib.ExitStack() as stack:
        for number in range(500):
            wire = stack.enter_context(Wire(listener))
            if number % 5 == 0:
                wire.say(f"EHLO {EHLO}")
                wire.start_tls(context)
        with Wire(listener) as other:
            other.introduce(other_context)
            assert other.say("MAIL FROM:<>").startswith("250")
            assert other.say(f"RCPT TO:<{MARTIN}>").startswith("250")
            assert other.chunk(make_letter(sender=MARTIN), is_last=True).startswith("250 2.0.0")


@pytest.mark.parametrize("word", ["EHLO", "HELO"])
def test_peer_past_its_own_limit_is_told_so_however_it_greets(
    listener, context, settings, martin_box, word
):
    settings.SMTP_PEER_CONNECTION_LIMIT = 1
    with Wire(listener) as first:
        first.introduce(context)
        with Wire(listener) as second:
            second.say(f"EHLO {EHLO}")
            second.start_tls(context)
            # Without a greeting nothing is open to it either.
            assert second.say(f"MAIL FROM:<{PETIT}>").startswith("503")
            assert second.say(f"{word} {EHLO}") == FULL
            assert second.is_closed()
        assert send_letter(first).startswith("250 2.0.0")


def test_connection_past_the_limit_that_never_greets_stays_a_stranger(listener, context, settings):
    settings.SMTP_PEER_CONNECTION_LIMIT = 1
    settings.SMTP_STRANGER_LIMIT = 3
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Wire(listener)).introduce(context)
        silent = []
        for _ in range(10):
            wire = stack.enter_context(Wire(listener))
            wire.say(f"EHLO {EHLO}")
            wire.start_tls(context)
            silent.append(wire)
        assert silent[0].is_closed()
        assert first.say("NOOP").startswith("250")


def test_place_of_a_peer_that_left_is_free_again(listener, context, settings, martin_box):
    settings.SMTP_PEER_CONNECTION_LIMIT = 1

    def accepted():
        with Wire(listener) as wire:
            wire.say(f"EHLO {EHLO}")
            wire.start_tls(context)
            return wire.say(f"EHLO {EHLO}") != FULL

    for _ in range(5):
        wait_for(accepted)


def test_peer_that_sends_too_many_letters_is_told_to_come_back(
    wire, context, listener, other_context, settings, martin_box, monkeypatch
):
    settings.SMTP_PEER_LETTERS_PER_MINUTE = 2
    for _ in range(2):
        assert send_letter(wire).startswith("250 2.0.0")
    assert wire.say(f"MAIL FROM:<{PETIT}>") == TOO_FAST
    with Wire(listener) as again:
        # Another connection of the same certificate is the same operator.
        assert again.introduce(context).say(f"MAIL FROM:<{PETIT}>") == TOO_FAST
    with Wire(listener) as other:
        assert other.introduce(other_context).say("MAIL FROM:<>").startswith("250")
    monkeypatch.setattr(limits, "_MINUTE", -1.0)
    assert send_letter(wire).startswith("250 2.0.0")


# The proof of who it is


@pytest.fixture
def aged(monkeypatch):
    """Call it: all proofs are old now."""
    return lambda: monkeypatch.setattr(session, "_PROOF_SECONDS", -1)


def test_peer_taken_off_the_list_is_refused_on_its_open_connection(wire, martin_box, aged):
    assert send_letter(wire).startswith("250 2.0.0")
    TrustedDomain.objects.filter(domain=PRACTICE.domain).delete()
    aged()
    assert wire.say(f"MAIL FROM:<{PETIT}>").startswith("550 5.7.1")


def test_peer_whose_certificate_was_revoked_is_refused_on_its_open_connection(
    own_space, martin_box, aged
):
    refresh_whitelist()
    context = peer_context(own_space, PRACTICE.key, server=False)
    path = own_space.root / "operators" / PRACTICE.key / "cert.pem"
    with running_listener() as port, Wire(port) as wire:
        wire.introduce(context)
        assert send_letter(wire).startswith("250 2.0.0")
        revoke(own_space, identify_peer(builder.der_of(path.read_bytes())).serial)
        aged()
        assert wire.say(f"MAIL FROM:<{PETIT}>") == "550 5.7.1 certificate revoked"
        assert wire.say("MAIL FROM:<>") == "550 5.7.1 certificate revoked"


def test_white_list_that_grew_too_old_holds_back_an_open_connection(wire, martin_box, aged):
    assert send_letter(wire).startswith("250 2.0.0")
    long_ago = timezone.now() - timedelta(days=30)
    WhitelistSnapshot.objects.update(checked_at=long_ago)
    aged()
    assert wire.say(f"MAIL FROM:<{PETIT}>").startswith("454 4.7.0")


def test_proof_is_not_renewed_for_each_letter(wire, martin_box, monkeypatch):
    asked = []
    check = gate.check_peer

    def noted(certificate):
        asked.append(certificate)
        return check(certificate)

    monkeypatch.setattr(gate, "check_peer", noted)
    for _ in range(3):
        assert send_letter(wire).startswith("250 2.0.0")
    assert len(asked) == 1


def test_letter_under_way_when_its_proof_grows_old_is_taken(wire, martin_box, aged):
    wire.open_data(PETIT, MARTIN)
    aged()
    wire.send(make_letter() + b".\r\n")
    assert wire.last().startswith("250 2.0.0")
    assert InboundMessage.objects.get().peer_dn


# The end of the listener


@pytest.fixture
def held_commit(monkeypatch):
    entered, go_on = threading.Event(), threading.Event()
    commit = spool.commit_all

    def slow_commit(*args):
        entered.set()
        assert go_on.wait(10)
        return commit(*args)

    monkeypatch.setattr(committer, "commit_all", slow_commit)
    yield entered, go_on
    go_on.set()


@pytest.mark.parametrize("size", [100, 200_000])
def test_letter_that_came_whole_is_answered_although_the_listener_stops(
    trust_space, context, martin_box, held_commit, size
):
    entered, go_on = held_commit
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(contextlib.ExitStack())
        port = running.enter_context(running_listener())
        busy = stack.enter_context(Wire(port)).introduce(context)
        idle = stack.enter_context(Wire(port)).introduce(context)
        half = stack.enter_context(Wire(port)).introduce(context)
        plain = stack.enter_context(Wire(port))
        half.open_data(PETIT, MARTIN)
        half.send(b"From: x\r\n")
        busy.open_data(PETIT, MARTIN)
        busy.send(make_letter(text="a" * size) + b".\r\n")
        assert entered.wait(10)
        stopping = threading.Thread(target=running.close)
        stopping.start()
        for wire in (idle, half, plain):
            assert wire.last() == "421 4.3.2 service is ending, come back later"
        go_on.set()
        assert busy.last() == "250 2.0.0 message is ours now"
        assert busy.last().startswith("421 4.3.2")
        stopping.join(10)
    assert InboundMessage.objects.count() == 1


def test_listener_ends_when_told_and_its_threads_with_it(trust_space, settings):
    async def story():
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, stop.set)
        await serve_until(stop, "127.0.0.1", 0)

    before = set(threading.enumerate())
    asyncio.run(story())
    ours = {one.name for one in set(threading.enumerate()) - before}
    assert not {name for name in ours if name.startswith(("hand", "committer", "bell"))}


def test_listener_that_never_started_stops(trust_space):
    async def story():
        await Listener("127.0.0.1", 0).stop()

    asyncio.run(story())
