"""A bell of the file transport is there whole or not at all."""

from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from mssante import bell, celery


@pytest.fixture
def channel(tmp_path):
    options = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path)}
    options["control_folder"] = str(tmp_path / "control")
    with Connection("filesystem://", transport_options=options) as connection:
        assert isinstance(connection.transport, bell.Transport)
        yield connection.default_channel


def test_bell_is_heard_once(channel):
    channel._put("celery", {"ring": "é"})
    assert channel._get("celery") == {"ring": "é"}
    with pytest.raises(Empty):
        channel._get("celery")


def test_bell_that_is_being_written_is_not_there_yet(channel, monkeypatch):
    replace, seen = Path.replace, []

    def look_first(path, target):
        with pytest.raises(Empty):
            channel._get("celery")
        seen.append(target)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", look_first)
    channel._put("celery", {"ring": 1})
    assert len(seen) == 1
    assert channel._get("celery") == {"ring": 1}


def test_bell_that_cannot_be_written_leaves_nothing(channel, monkeypatch, tmp_path):
    def full(*_names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        channel._put("celery", {"ring": 1})
    assert not [one for one in tmp_path.iterdir() if one.is_file()]


def test_no_worker_waits_for_a_place_that_a_dead_process_held():
    assert celery.app.conf.worker_pool_putlocks is False
