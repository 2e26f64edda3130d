"""Many peers at once, on the threads a worker has: who is silent holds up nobody else, and no
letter goes twice.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import PRACTICE
from tests.factories.outbox import PRACTICE_DOMAIN
from tests.flows.outbound import backlog, now, publish
from webmail.models import Delivery, PeerState
from webmail.outbound import claims
from webmail.outbound.lines import close_idle_lines
from webmail.outbound.tasks import drain_peer

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
THREADS, SECONDS = 22, 60
OURS = "ch-valbrune.mssante.example"


@pytest.fixture
def trust_space(own_space, transactional_db):
    """A trust space this test may change."""
    refresh_whitelist()
    return own_space


@pytest.fixture(autouse=True)
def _bells(settings, monkeypatch):
    settings.LINE_IDLE_SECONDS = 20
    settings.SMTP_TIMEOUT_SECONDS = settings.SMTP_CONNECT_SECONDS = 300
    claims._answering.clear()
    claims._turned_away.clear()
    yield
    close_idle_lines(older_than=0)
    claims._answering.clear()
    claims._turned_away.clear()


@pytest.fixture
def ring(monkeypatch):
    """Bells, answered by threads in their order as a worker's pool does."""
    rung: list[Future[Any]] = []
    with ThreadPoolExecutor(THREADS) as pool:

        def answer(domain):
            try:
                drain_peer(domain)
            finally:
                connections.close_all()

        def ring(*domains):
            rung.extend(pool.submit(answer, domain) for domain in domains)
            return rung

        monkeypatch.setattr("webmail.outbound.tasks.ring_domain", ring)
        yield ring
        while not all(one.done() for one in rung):
            time.sleep(0.05)
    for one in rung:
        one.result()


def wait_until(is_so):
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def all_are(rows, state):
    ids = [row.pk for row in rows]
    return not Delivery.objects.filter(pk__in=ids).exclude(state=state).exists()


def names(kind, count):
    return [f"{kind}-{number}.mssante.example" for number in range(count)]


def test_healthy_peers_are_served_while_others_hang(
    martin_box, trust_space, make_peer, ring, settings
):
    hanging, healthy = names("muet", 5), names("sain", 35)
    publish(trust_space, *hanging, *healthy)
    # Two ways to hang: at the greeting, and where the letter would be answered.
    silent = make_peer(replies={"greeting": ["silence"]})
    mute = make_peer(replies={"dot": ["silence"]})
    works = make_peer()
    routes = dict.fromkeys(hanging[:3], silent) | dict.fromkeys(hanging[3:], mute)
    routes |= dict.fromkeys(healthy, works)
    settings.MAIL_ROUTES = {name: ("127.0.0.1", peer.port) for name, peer in routes.items()}
    stuck = [row for name in hanging for row in backlog(martin_box, 4, domain=name)]
    good = [row for name in healthy for row in backlog(martin_box, 3, domain=name)]
    # The bells of those who hang come first, and there are more of them than threads.
    rung = ring(*hanging * 5, *healthy)
    try:
        wait_until(lambda: all_are(good, "accepted"))
        assert len(works.letters) == len(good)
        # They hang still; each holds one thread, and of its letters one is begun.
        in_flight = Delivery.objects.filter(state="in_flight")
        assert sorted(in_flight.values_list("domain", flat=True)) == sorted(hanging)
        wait_until(lambda: sum(not one.done() for one in rung) == len(hanging))
        assert not PeerState.objects.exists()
    finally:
        silent.close()
        mute.close()
    wait_until(lambda: all(one.done() for one in rung))
    assert all(now(row).state in {"queued", "deferred"} for row in stuck)
    assert set(PeerState.objects.values_list("domain", "failures")) <= {
        (name, 1) for name in hanging
    }


def test_letters_between_our_boxes_pass_when_every_place_is_held(
    martin_box, trust_space, make_peer, ring, settings
):
    hanging = names("muet", settings.OUTBOUND_SLOTS + 5)
    publish(trust_space, *hanging)
    silent = make_peer(replies={"greeting": ["silence"]})
    settings.MAIL_ROUTES = dict.fromkeys(hanging, ("127.0.0.1", silent.port))
    for name in hanging:
        backlog(martin_box, 1, domain=name)
    ours = backlog(martin_box, 3, domain=OURS)
    Delivery.objects.filter(pk__in=[row.pk for row in ours]).update(domain=OURS)
    ring(*hanging, OURS)
    try:
        wait_until(lambda: not Delivery.objects.filter(domain=OURS, state="queued").exists())
        wait_until(
            lambda: Delivery.objects.filter(state="in_flight").count() == settings.OUTBOUND_SLOTS
        )
        assert silent.connections <= settings.OUTBOUND_SLOTS
    finally:
        silent.close()


def test_many_bells_for_one_peer_open_few_lines_and_send_each_letter_once(
    martin_box, make_peer, ring, settings
):
    settings.CONNECTIONS_PER_PEER = 3
    peer = make_peer()
    rows = backlog(martin_box, 60)
    ring(*[PRACTICE_DOMAIN] * 30)
    wait_until(lambda: all_are(rows, "accepted"))
    assert len(peer.letters) == 60
    assert len({content for _, _, content, _ in peer.letters}) == 60
    assert peer.connections <= 3
    assert set(Delivery.objects.values_list("attempts", "is_uncertain")) == {(1, False)}
    assert {row.peer_dn for row in Delivery.objects.all()} == {now(rows[0]).peer_dn}
    assert f"CN={PRACTICE.host}" in now(rows[0]).peer_dn


def test_bells_that_come_at_once_for_a_silent_peer_hold_one_thread(martin_box, make_peer, ring):
    peer = make_peer(replies={"greeting": ["silence"]})
    backlog(martin_box, 30)
    rung = ring(*[PRACTICE_DOMAIN] * 30)
    try:
        wait_until(lambda: sum(one.done() for one in rung) == 29)
        wait_until(lambda: peer.connections == 1)
        assert Delivery.objects.filter(state="in_flight").count() == 1
    finally:
        peer.close()
    wait_until(lambda: all(one.done() for one in rung))
    assert peer.connections == 1
    assert PeerState.objects.count() <= 1
