"""The list is read again when its time has come, and a source that fails is not asked at every
sweep.
"""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from directory import tasks
from directory.models import WhitelistSnapshot
from directory.trust.whitelist import active_version, refresh_whitelist
from mssante.demo.pki import write_file

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def rung(monkeypatch):
    """How often the bell was rung; every test starts as a fresh process."""
    rings = []
    monkeypatch.setattr(tasks._Bell, "rung_at", None)
    monkeypatch.setattr(tasks.refresh_trusted_domains, "delay", lambda: rings.append(1))
    return rings


def test_task_loads_the_list_and_says_so_without_a_name(in_toy_space, caplog):
    with caplog.at_level(logging.INFO):
        tasks.refresh_trusted_domains()
    assert active_version() is not None
    assert f"event=whitelist_confirmed version={active_version()}" in caplog.text
    assert "mssante.example" not in caplog.text


def test_refused_list_is_logged_and_the_active_one_stays(own_space, caplog):
    tasks.refresh_trusted_domains()
    version = active_version()
    write_file(own_space.whitelist, b"junk")
    tasks.refresh_trusted_domains()
    assert "event=whitelist_refused reason=malformed" in caplog.text
    assert active_version() == version


def test_sweep_rings_when_there_is_no_list(rung):
    assert tasks.sweep_trusted_domains()
    assert rung == [1]


def test_sweep_does_not_ring_again_at_once(rung, monkeypatch):
    assert tasks.sweep_trusted_domains()
    assert not tasks.sweep_trusted_domains()
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0)
    assert tasks.sweep_trusted_domains()
    assert rung == [1, 1]


def test_sweep_rings_only_when_the_interval_is_over(in_toy_space, rung, settings):
    refresh_whitelist()
    assert not tasks.sweep_trusted_domains()
    interval = timedelta(seconds=settings.WHITELIST_REFRESH_SECONDS + 1)
    WhitelistSnapshot.objects.update(checked_at=timezone.now() - interval)
    assert tasks.sweep_trusted_domains()
    assert rung == [1]
