"""The bell and the sweep: a bell that does not ring loses nothing."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from tests.factories.spooled import spool
from webmail.inbound import tasks
from webmail.models import InboundMessage, SpoolState

pytestmark = pytest.mark.django_db


@pytest.fixture
def rung(monkeypatch):
    ids = []
    monkeypatch.setattr(
        tasks.process_inbound, "apply_async", lambda args, **_options: ids.extend(args)
    )
    return ids


@pytest.mark.parametrize("error", [OperationalError("down"), ConnectionRefusedError()])
def test_bell_that_cannot_ring_raises_nothing(monkeypatch, caplog, error):
    def fails(*_args, **_options):
        raise error

    monkeypatch.setattr(tasks.process_inbound, "apply_async", fails)
    tasks.ring_inbound(1)
    assert "event=bell_failed" in caplog.text


def test_task_takes_an_id_and_processes_its_row(martin_box):
    inbound = spool(martin_box)
    tasks.process_inbound(inbound.pk)
    inbound.refresh_from_db()
    assert inbound.state == SpoolState.DONE


def test_sweep_rings_what_is_due_and_nothing_else(martin_box, rung):
    now = timezone.now()
    past, future = now - timedelta(seconds=1), now + timedelta(seconds=60)
    states: dict[str, dict[str, Any]] = {
        "due": {"state": SpoolState.WAITING, "next_attempt_at": past},
        "later": {"state": SpoolState.WAITING, "next_attempt_at": future},
        "dead": {"state": SpoolState.PROCESSING, "lease_until": past},
        "alive": {"state": SpoolState.PROCESSING, "lease_until": future},
        "done": {"state": SpoolState.DONE, "next_attempt_at": None},
        "aside": {"state": SpoolState.SET_ASIDE, "next_attempt_at": None},
    }
    ids = {}
    for name, fields in states.items():
        ids[name] = spool(martin_box).pk
        InboundMessage.objects.filter(pk=ids[name]).update(**fields)
    tasks.sweep_spool()
    assert rung == [ids["due"], ids["dead"]]


def test_sweep_rings_a_row_once_in_a_while_however_often_it_runs(martin_box, monkeypatch):
    rung: list[int] = []
    monkeypatch.setattr(tasks, "ring_inbound", rung.append)
    monkeypatch.setattr(tasks._Sweep, "rung", {})
    inbound = spool(martin_box)
    for _ in range(5):
        tasks.sweep_spool()
    assert rung == [inbound.pk]


def test_file_no_row_holds_goes_after_a_day_and_not_before(settings, martin_box, monkeypatch):
    monkeypatch.setattr(tasks._Sweep, "rung", {})
    held = spool(martin_box)
    folder = Path(settings.SPOOL_DIR)
    (folder / "fresh").write_bytes(b"x")
    (folder / "orphan").write_bytes(b"x")
    yesterday = time.time() - 90_000
    for name in ("orphan", held.name):
        os.utime(folder / name, (yesterday, yesterday))
    monkeypatch.setattr(tasks._Sweep, "cleaned_at", None)
    tasks.sweep_spool()
    assert not (folder / "orphan").exists()
    assert (folder / "fresh").exists()
    assert (folder / held.name).exists()
    (folder / "fresh").unlink()
