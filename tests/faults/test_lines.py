"""The line to a peer is slow, breaks, falls silent or is tampered with; and a peer that hangs holds
up nobody else.
"""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories.outbox import PRACTICE_DOMAIN, ROY, claim, make_delivery, send
from tests.faults.proxy import Proxy
from tests.flows.inbound import wait_for
from webmail.models import Delivery, PeerState
from webmail.outbound import tasks
from webmail.outbound.tasks import drain_peer, sweep_outbox

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

BIG = [("scan.pdf", "application/pdf", b"x" * 9_000_000)]


@pytest.fixture(autouse=True)
def _quick(settings):
    settings.SMTP_TIMEOUT_SECONDS = 1
    settings.SMTP_CONNECT_SECONDS = 1


@pytest.fixture
def wire(settings, make_peer):
    """A peer behind a wire that does as told."""
    proxies = []

    def lay(**options):
        peer = make_peer()
        proxy = Proxy(peer.port, **options)
        proxies.append(proxy)
        settings.MAIL_ROUTES = {PRACTICE_DOMAIN: ("127.0.0.1", proxy.port)}
        return peer

    yield lay
    for one in proxies:
        one.close()


def outcome(letter):
    row = letter.deliveries.get()
    return row.state, row.reason, row.is_uncertain


def test_slow_wire_is_no_fault(wire, martin_box, dr_martin):
    peer = wire(delay=0.05)
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter) == ("accepted", "", False)
    assert len(peer.letters) == 1


@pytest.mark.parametrize("is_half_open", [False, True])
def test_wire_that_ends_in_the_middle_of_a_letter_leaves_no_doubt(
    wire, martin_box, dr_martin, is_half_open
):
    peer = wire(most=1_000_000, is_half_open=is_half_open)
    letter = send(martin_box, dr_martin, files=BIG)
    drain_peer(PRACTICE_DOMAIN)
    state, reason, is_uncertain = outcome(letter)
    assert state == "deferred"
    assert reason in {"timeout", "connection_lost"}
    assert not is_uncertain
    assert peer.letters == []


def test_who_takes_starttls_out_of_the_line_hears_no_word_of_a_letter(wire, martin_box, dr_martin):
    peer = wire(edit=lambda piece: piece.replace(b"STARTTLS", b"XXXXXXXX"))
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter) == ("deferred", "no_starttls", False)
    assert peer.letters == []
    assert not [one for one in peer.commands if one.upper().startswith(("MAIL", "RCPT", "DATA"))]


def test_peer_that_hangs_with_much_to_do_holds_up_nobody(
    martin_box, dr_martin, make_peer, settings, monkeypatch
):
    """Hundreds wait for it; the others' letters leave while its one conversation still hangs."""
    settings.SMTP_TIMEOUT_SECONDS = settings.SMTP_CONNECT_SECONDS = 2
    hanging = make_peer(domain="lent.mssante.example", replies={"greeting": ["silence"]})
    quick = make_peer()
    for _ in range(100):
        make_delivery(martin_box, address="a@lent.mssante.example")
    letters = [send(martin_box, dr_martin, to=ROY) for _ in range(5)]
    rung: list[str] = []
    monkeypatch.setattr(tasks, "ring_domain", rung.append)
    stuck = threading.Thread(target=_drain, args=("lent.mssante.example",))
    stuck.start()
    try:
        wait_for(lambda: hanging.connections == 1)
        sweep_outbox()
        for domain in rung:
            if domain == PRACTICE_DOMAIN:
                drain_peer(domain)
        assert {outcome(one)[0] for one in letters} == {"accepted"}
        assert stuck.is_alive()
    finally:
        stuck.join(20)
    assert len(quick.letters) == 5
    waiting = Delivery.objects.filter(domain="lent.mssante.example")
    # One time-out for all of them, and none is due before the peer is asked again.
    assert hanging.connections == 1
    assert waiting.filter(attempts=1).count() <= 1
    assert not waiting.filter(next_attempt_at__lte=timezone.now()).exists()
    assert PeerState.objects.get().domain == "lent.mssante.example"


def test_full_house_of_hanging_peers_leaves_half_the_places_to_the_others(
    martin_box, dr_martin, make_peer, settings
):
    settings.OUTBOUND_SLOTS = 4
    make_peer()
    until = timezone.now() + timedelta(seconds=30)
    for number in range(2):
        row = make_delivery(martin_box, address=f"a@lent{number}.mssante.example")
        claim(row, token=f"{number}" * 32, until=until)
    PeerState.objects.bulk_create(
        PeerState(
            domain=f"lent{number}.mssante.example",
            failing_since=timezone.now(),
            retry_at=timezone.now(),
        )
        for number in range(3)
    )
    third = make_delivery(martin_box, address="a@lent2.mssante.example")
    drain_peer("lent2.mssante.example")
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    third.refresh_from_db()
    assert (third.state, outcome(letter)[0]) == ("queued", "accepted")


def _drain(domain):
    from django.db import connections

    drain_peer(domain)
    connections.close_all()
