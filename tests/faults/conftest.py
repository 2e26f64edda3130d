"""The stage of what breaks: a peer of the trust space, and its certificate."""

import time

import pytest

from mssante.demo.operators import PRACTICE
from tests.flows.conftest import (
    listener,
    make_peer,
    manner,
    peer_context,
    practice,
    trust_space,
)
from tests.peers.servers import ScriptedPeer

__all__ = ["listener", "make_peer", "manner", "practice", "trust_space"]


class SlowPeer(ScriptedPeer):
    """Takes ``delay`` seconds for each letter once it has it."""

    delay = 0.0

    def _take(self, state, content):
        time.sleep(self.delay)
        super()._take(state, content)


@pytest.fixture(scope="module")
def client_context(toy_space):
    return peer_context(toy_space, PRACTICE.key, server=False)


@pytest.fixture(scope="module")
def peer(toy_space):
    """The practice's server, for a whole module."""
    one = SlowPeer(peer_context(toy_space, PRACTICE.key, server=True))
    yield one
    one.close()
