"""The stage of the outgoing road: a white list in force, no socket."""

import pytest

from directory.trust.whitelist import refresh_whitelist


@pytest.fixture
def trust_space(in_toy_space, db):
    """The toy trust space, its white list loaded; what a test writes is rolled back."""
    refresh_whitelist()
    return in_toy_space
