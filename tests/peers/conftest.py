"""The peers' own stage: the one of the flows."""

from tests.flows.conftest import listener, make_peer, manner, practice, trust_space

__all__ = ["listener", "make_peer", "manner", "practice", "trust_space"]
