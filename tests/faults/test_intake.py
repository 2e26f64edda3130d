"""Peers that fall silent, trickle or crowd in, and a letter for a thousand boxes."""

import contextlib
import time

import pytest

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.factories.people import make_mailbox
from tests.flows.conftest import peer_context
from tests.flows.inbound import process_all, spool_files, wait_for
from tests.peers.wire import Wire
from webmail.models import InboundMessage, InboundRecipient, Mailbox, MailboxKind, Message

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

OURS = HOSPITAL.domain


@pytest.fixture(autouse=True)
def _own_spool(settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"


@pytest.fixture
def context(trust_space):
    return peer_context(trust_space, PRACTICE.key, server=False)


@pytest.fixture
def other_context(trust_space):
    """Of another operator of the trust space."""
    return peer_context(trust_space, HOSPITAL.key, server=False)


def deliver(listener, context, *, sender):
    """One attempt of a whole letter; the answer."""
    with Wire(listener) as wire:
        wire.introduce(context).open_data(sender, MARTIN)
        wire.send(make_letter(sender=sender) + b".\r\n")
        return wire.last()


@pytest.mark.parametrize("is_trickling", [False, True])
def test_peer_that_goes_silent_or_trickles_in_a_letter_loses_its_place(
    listener, context, martin_box, settings, is_trickling
):
    settings.SMTP_IDLE_SECONDS = 1
    settings.SMTP_CONNECTION_LIMIT = 1
    settings.INLINE_BYTES = -1
    with Wire(listener) as wire:
        wire.introduce(context).open_data(PETIT, MARTIN)
        wire.send(make_letter(text=("x" * 70 + "\n") * 1000)[:-200])
        end = time.monotonic() + 20
        with contextlib.suppress(OSError):
            while is_trickling and time.monotonic() < end:
                wire.send(b"x")
                time.sleep(0.2)
                # The connection's own timer never ends here; the pace of the whole does.
                settings.SMTP_IDLE_SECONDS = -100
        assert time.monotonic() < end
        assert wire.is_closed()
    wait_for(lambda: not spool_files())
    assert not InboundMessage.objects.exists()
    settings.SMTP_IDLE_SECONDS = 10
    # Its place is free again.
    assert deliver(listener, context, sender=PETIT).startswith("250 2.0.0")


def test_hundreds_of_idle_lines_keep_no_other_operator_out(
    listener, context, other_context, martin_box
):
    with contextlib.ExitStack() as stack:
        strangers = [stack.enter_context(Wire(listener)) for _ in range(250)]
        for one in strangers[::5]:
            with contextlib.suppress(OSError):
                one.send(b"E")  # A word of which the rest never comes.
        crowd = [stack.enter_context(Wire(listener)) for _ in range(40)]
        refused = 0
        for one in crowd:
            one.start_tls(context)
            refused += one.say("EHLO mss.cabinet-tilleuls.example").startswith("421 4.3.2")
        assert refused == 20
        answer = deliver(listener, other_context, sender=f"autre@{OURS}")
        assert answer.startswith("250 2.0.0")
        # And those of the crowd that were let in are served.
        assert crowd[0].say("NOOP").startswith("250")


@pytest.mark.fault
def test_each_of_a_thousand_recipients_has_an_answer_of_its_own(listener, context, settings):
    """As an MTA does it: what is told «too many» goes in the next transaction."""
    for number in range(998):
        make_mailbox(f"boite{number}", f"Boîte {number}", kind=MailboxKind.ORG)
    Mailbox.objects.filter(address=f"boite500@{OURS}").update(quota_bytes=0)
    waiting = [f"boite{number}@{OURS}" for number in range(998)]
    waiting[300:300] = [f"personne@{OURS}", f"inconnue@{OURS}"]
    answers, transactions = {}, 0
    with Wire(listener) as wire:
        wire.introduce(context)
        while waiting:
            transactions += 1
            assert wire.say(f"MAIL FROM:<{PETIT}> SIZE=1000").startswith("250")
            for address in waiting:
                answers[address] = wire.say(f"RCPT TO:<{address}>")[:9]
            waiting = [one for one in waiting if answers[one] == "452 4.5.3"]
            assert wire.say("DATA").startswith("354")
            wire.send(make_letter() + b".\r\n")
            assert wire.last().startswith("250 2.0.0")
    assert transactions == 5
    refused = {one: said for one, said in answers.items() if said != "250 2.1.5"}
    assert refused == {
        f"personne@{OURS}": "550 5.1.1",
        f"inconnue@{OURS}": "550 5.1.1",
        f"boite500@{OURS}": "452 4.2.2",
    }
    assert InboundRecipient.objects.count() == 997
    process_all()
    assert Message.objects.count() == 997
    assert Message.objects.values("mailbox").distinct().count() == 997
