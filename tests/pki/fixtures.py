"""The toy trust space as fixtures: one for the session, copies for tests that change it."""

import shutil

import pytest

from mssante.demo.operators import HOSPITAL, OPERATORS
from mssante.demo.pki import (
    SIGNER_CN,
    ToySpace,
    build_toy_space,
    issue_operator,
    write_whitelist,
)


def use_space(settings, space, *, operator_key=HOSPITAL.key):
    """Point every trust setting at the space, as seen by one of its operators."""
    settings.TRUST_ANCHORS_DIR = space.anchors
    settings.TRUST_CRL_DIR = space.crl
    settings.TRUST_CERTIFICATE = space.root / "operators" / operator_key / "cert.pem"
    settings.TRUST_PRIVATE_KEY = space.root / "operators" / operator_key / "key.pem"
    settings.WHITELIST_SOURCE = space.whitelist
    settings.WHITELIST_SIGNER_CN = SIGNER_CN


@pytest.fixture(scope="session")
def toy_space(tmp_path_factory):
    """A whole trust space with the two operators of the demonstration, listed. Tests read it and
    leave it as it is.
    """
    space = build_toy_space(tmp_path_factory.mktemp("toy-space"))
    entries = []
    for operator in OPERATORS:
        files = issue_operator(
            space,
            key=operator.key,
            common_name=operator.host,
            organisation=operator.organisation,
            structure_id=operator.structure_id,
            department=operator.department,
        )
        entries.append((operator.domain, files.dn, operator.name))
    write_whitelist(space, entries)
    return space


@pytest.fixture(scope="session")
def foreign_space(tmp_path_factory):
    """Another tree with the same names and other keys: what somebody who is not the manager can
    make.
    """
    return build_toy_space(tmp_path_factory.mktemp("foreign-space"))


@pytest.fixture
def in_toy_space(settings, toy_space):
    """The settings look at the toy space of the session; gives the space."""
    use_space(settings, toy_space)
    return toy_space


@pytest.fixture
def own_space(settings, toy_space, tmp_path):
    """A copy of the toy space that a test may change, with the settings pointed at it."""
    copy = tmp_path / "space"
    shutil.copytree(toy_space.root, copy)
    space = ToySpace(copy)
    use_space(settings, space)
    return space
