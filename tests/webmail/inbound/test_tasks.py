"""The bell and the sweep: a bell that does not ring loses nothing."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from tests.factories.letters import make_letter
from tests.factories.spooled import spool
from webmail.inbound import pipeline, tasks
from webmail.models import InboundMessage, SpoolState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_sweep(monkeypatch):
    monkeypatch.setattr(tasks._Sweep, "rung_at", None)
    monkeypatch.setattr(tasks._Sweep, "listed_at", None)
    monkeypatch.setattr(tasks._Sweep, "blob_folders", [])


@pytest.fixture
def rung(monkeypatch):
    bells = []
    monkeypatch.setattr(
        tasks.drain_spool, "apply_async", lambda *args, **options: bells.append((args, options))
    )
    return bells


@pytest.mark.parametrize("error", [OperationalError("down"), ConnectionRefusedError()])
def test_bell_that_cannot_ring_raises_nothing(monkeypatch, caplog, error):
    def fails(*_args, **_options):
        raise error

    monkeypatch.setattr(tasks.drain_spool, "apply_async", fails)
    tasks.ring_spool()
    assert "event=bell_failed" in caplog.text


def test_task_takes_what_is_due(martin_box):
    inbound = spool(martin_box)
    tasks.drain_spool()
    inbound.refresh_from_db()
    assert inbound.state == SpoolState.DONE


def test_sweep_rings_for_what_is_due_and_for_nothing_else(martin_box, rung, monkeypatch):
    now = timezone.now()
    past, future = now - timedelta(seconds=1), now + timedelta(seconds=60)
    states: dict[str, tuple[dict[str, Any], bool]] = {
        "due": ({"state": SpoolState.WAITING, "next_attempt_at": past}, True),
        "later": ({"state": SpoolState.WAITING, "next_attempt_at": future}, False),
        "dead": ({"state": SpoolState.PROCESSING, "lease_until": past}, True),
        "alive": ({"state": SpoolState.PROCESSING, "lease_until": future}, False),
        "done": ({"state": SpoolState.DONE, "next_attempt_at": None}, False),
        "aside": ({"state": SpoolState.SET_ASIDE, "next_attempt_at": None}, False),
    }
    pk = spool(martin_box).pk
    for name, (fields, is_rung) in states.items():
        rung.clear()
        monkeypatch.setattr(tasks._Sweep, "rung_at", None)
        InboundMessage.objects.filter(pk=pk).update(**fields)
        tasks.sweep_spool()
        assert rung == ([((), {"retry": False})] if is_rung else []), name


def test_sweep_rings_once_in_a_while_however_often_it_runs(martin_box, rung):
    spool(martin_box)
    for _ in range(5):
        tasks.sweep_spool()
    assert len(rung) == 1


def test_file_no_row_holds_goes_after_a_day_and_not_before(settings, martin_box, monkeypatch):
    settings.INLINE_BYTES = -1
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


def test_file_of_a_deposited_message_goes_when_its_worker_died_before_the_tidying(
    settings, martin_box, monkeypatch
):
    settings.INLINE_BYTES = -1
    rows = {state: spool(martin_box) for state in SpoolState}
    yesterday = time.time() - 90_000
    for state, row in rows.items():
        InboundMessage.objects.filter(pk=row.pk).update(state=state, next_attempt_at=None)
        os.utime(Path(settings.SPOOL_DIR) / row.name, (yesterday, yesterday))
    monkeypatch.setattr(tasks._Sweep, "cleaned_at", None)
    tasks.sweep_spool()
    left = {state for state, row in rows.items() if (Path(settings.SPOOL_DIR) / row.name).exists()}
    assert left == set(SpoolState) - {SpoolState.DONE}


def test_sweep_looks_through_the_blobs_a_folder_at_a_time_and_once_a_day(monkeypatch, caplog):
    seen: list[str] = []
    clock = [100_000.0]
    monkeypatch.setattr("webmail.inbound.tasks.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(tasks, "blob_folders", lambda: ["aa", "ab", "ac"])

    def remove(folder, **_moment):
        seen.append(folder)
        return len(seen)

    monkeypatch.setattr(tasks, "remove_blob_orphans", remove)
    for _ in range(4):
        before = len(seen)
        tasks.sweep_spool()
        assert len(seen) - before <= 1
    assert sorted(seen) == ["aa", "ab", "ac"]
    assert "event=blob_orphans_removed count=3" in caplog.text
    tasks.sweep_spool()
    assert len(seen) == 3
    clock[0] += 25 * 3600
    for _ in range(4):
        tasks.sweep_spool()
    assert len(seen) == 6


def test_nothing_waits_or_is_held_longer_because_the_clock_was_put_back(martin_box, rung):
    tomorrow = timezone.now() + timedelta(days=1)
    waiting, held = spool(martin_box), spool(martin_box)
    rows = InboundMessage.objects
    rows.filter(pk=waiting.pk).update(next_attempt_at=tomorrow)
    rows.filter(pk=held.pk).update(state=SpoolState.PROCESSING, lease_until=tomorrow)
    tasks.sweep_spool()
    now = timezone.now()
    assert rows.filter(pk=waiting.pk, next_attempt_at__lte=now).exists()
    assert rows.filter(pk=held.pk, lease_until__lte=now + timedelta(seconds=30)).exists()
    assert len(rung) == 1


def test_task_ends_after_its_time_and_rings_for_the_rest(martin_box, rung, settings, monkeypatch):
    settings.SPOOL_TASK_SECONDS = 0
    monkeypatch.setattr(pipeline, "_MOST_AT_ONCE", 1)
    for number in range(3):
        spool(martin_box, raw=make_letter(message_id=f"{number}@cabinet.example"))
    rung.clear()
    tasks.drain_spool()
    assert InboundMessage.objects.filter(state=SpoolState.DONE).count() == 1
    assert len(rung) == 1
    settings.SPOOL_TASK_SECONDS = 300
    tasks.drain_spool()
    assert not InboundMessage.objects.exclude(state=SpoolState.DONE).exists()
    assert len(rung) == 1


def test_letter_that_never_ends_has_an_end():
    assert tasks.drain_spool.time_limit == 300
