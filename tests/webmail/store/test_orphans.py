"""Files of the storage that no row holds go, a day after; all others stay."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from webmail.models import Blob
from webmail.store import orphans
from webmail.store.blobs import prepare_blob, read_blob, write_blob
from webmail.store.orphans import blob_folders, remove_blob_orphans

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(settings, tmp_path):
    settings.INLINE_BYTES = -1
    settings.BLOB_DIR = tmp_path / "blobs"
    settings.STORAGES = {
        **settings.STORAGES,
        "blobs": {
            "BACKEND": "webmail.store.files.DurableFileStorage",
            "OPTIONS": {"location": tmp_path / "blobs"},
        },
    }
    return storages["blobs"]


def make_old(storage, name):
    yesterday = time.time() - 90_000
    os.utime(storage.path(name), (yesterday, yesterday))


def sweep():
    before = timezone.now() - timedelta(days=1)
    return sum(remove_blob_orphans(folder, before=before) for folder in blob_folders())


def test_only_old_files_without_a_row_go(martin_box, storage):
    held, fresh = write_blob(martin_box, b"tenu"), prepare_blob(martin_box, b"jeune")
    lost = prepare_blob(martin_box, b"perdu")
    for name in (held.name, lost.name):
        make_old(storage, name)
    assert sweep() == 1
    assert not storage.exists(lost.name)
    assert storage.exists(fresh.name)
    assert read_blob(held, martin_box) == b"tenu"
    assert sweep() == 0


def test_many_files_are_asked_for_in_portions(
    martin_box, storage, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(orphans, "_NAMES_AT_ONCE", 3)
    monkeypatch.setattr("webmail.store.blobs._new_name", iter_names())
    names = [prepare_blob(martin_box, b"%d" % number).name for number in range(7)]
    kept = write_blob(martin_box, b"tenu")
    for name in (*names, kept.name):
        make_old(storage, name)
    with django_assert_num_queries(3):
        assert sweep() == 7
    assert Blob.objects.get() == kept
    assert storage.exists(kept.name)


def iter_names():
    numbers = iter(range(100))
    return lambda: f"aa/{next(numbers)}"


def test_storage_that_holds_nothing_yet_has_no_folder(storage):
    assert blob_folders() == []
    assert remove_blob_orphans("aa", before=timezone.now()) == 0


def test_storage_that_cannot_list_is_left_alone(monkeypatch, storage):
    def cannot(_path):
        raise NotImplementedError

    monkeypatch.setattr(storage, "listdir", cannot)
    assert blob_folders() == []


@pytest.mark.parametrize("error", [NotImplementedError, FileNotFoundError])
def test_file_whose_age_is_unknown_stays(martin_box, storage, monkeypatch, error):
    lost = prepare_blob(martin_box, b"perdu")
    make_old(storage, lost.name)

    def unknown(_name):
        raise error

    monkeypatch.setattr(storage, "get_modified_time", unknown)
    assert sweep() == 0
    assert Path(storage.path(lost.name)).exists()
