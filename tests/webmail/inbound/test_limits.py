"""How much one operator may ask for: counted by itself, given back, and never at another's cost."""

import pytest

from webmail.inbound.gate import RefusedError
from webmail.inbound.limits import PeerLimits


def test_each_peer_has_its_own_places(settings):
    settings.SMTP_PEER_CONNECTION_LIMIT = 2
    peers = PeerLimits()
    assert [peers.admit("a") for _ in range(4)] == [True, True, False, False]
    assert peers.admit("b")
    peers.leave("a")
    assert [peers.admit("a") for _ in range(2)] == [True, False]


def test_all_peers_together_have_so_many_places(settings):
    settings.SMTP_CONNECTION_LIMIT = 3
    peers = PeerLimits()
    assert [peers.admit(str(number)) for number in range(5)] == [True, True, True, False, False]
    peers.leave("1")
    assert peers.admit("4")


def test_peers_that_left_are_not_remembered():
    peers = PeerLimits()
    for number in range(100):
        peers.admit(str(number))
        peers.leave(str(number))
    assert not peers._connections


def test_letters_of_a_minute_are_counted_for_each_peer(settings, monkeypatch):
    settings.SMTP_PEER_LETTERS_PER_MINUTE = 2
    now = [1000.0]
    monkeypatch.setattr("webmail.inbound.limits.time.monotonic", lambda: now[0])
    peers = PeerLimits()
    for _ in range(2):
        peers.count_letter("a")
    with pytest.raises(RefusedError) as refused:
        peers.count_letter("a")
    assert str(refused.value.reply).startswith("450 4.7.1")
    peers.count_letter("b")
    now[0] += 61
    peers.count_letter("a")
