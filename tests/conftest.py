"""The cast and the stage of every test: people, boxes, a toy trust space, a key, no network beyond
localhost.
"""

import os
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from accounts.keyring import create_master_key
from tests.factories.people import make_mailbox, make_user

pytest_plugins = ["tests.pki.fixtures"]

LOCALHOST = ["127.0.0.1", "::1", "localhost"]


def pytest_runtest_setup(item):
    """No test talks to anything but this machine."""
    from pytest_socket import socket_allow_hosts

    socket_allow_hosts(LOCALHOST, allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _stage(settings):
    """A master key and a bell, once per process; French pages, as users see them."""
    if not django_settings.MASTER_KEY_FILE.exists():
        create_master_key(django_settings.MASTER_KEY_FILE)
    for folder in ("queue", "control"):
        (django_settings.STATE_DIR / "bell" / folder).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def synced(monkeypatch):
    """Each file and folder that is synced to disk, in order; a test may add what else it sees."""
    order, fsync = [], os.fsync

    def noted(descriptor):
        fsync(descriptor)
        order.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", noted)
    return order


@pytest.fixture
def dr_martin(db):
    return make_user("camille.martin", "Camille", "Martin", title="Dr", profession="Cardiologue")


@pytest.fixture
def martin_box(dr_martin):
    """Dr Martin's own box."""
    return make_mailbox("camille.martin", "Dr Camille Martin", holder=dr_martin)


@pytest.fixture
def samia(martin_box):
    """The secretary: reads, files and prepares in Dr Martin's box."""
    user = make_user("samia.benali", "Samia", "Benali", kind="staff")
    martin_box.accesses.create(user=user, can_read=True, can_file=True, can_prepare=True)
    return user


@pytest.fixture
def dr_petit(martin_box):
    """Reads in Dr Martin's box, nothing more."""
    user = make_user("hugo.petit", "Hugo", "Petit", title="Dr")
    martin_box.accesses.create(user=user, can_read=True)
    return user


@pytest.fixture
def dr_loup(db):
    """The stranger: a box of his own, no right on any other."""
    user = make_user("denis.loup", "Denis", "Loup", title="Dr")
    make_mailbox("denis.loup", "Dr Denis Loup", holder=user)
    return user


@pytest.fixture
def mme_durand(db):
    return make_user("monique.durand", "Monique", "Durand", kind="patient")


@pytest.fixture
def administrator(db):
    return make_user(
        "paul.garnier", "Paul", "Garnier", kind="staff", is_staff=True, is_superuser=True
    )
