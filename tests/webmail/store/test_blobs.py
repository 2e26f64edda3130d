"""Contents of a box: once each, counted, durable before their row, gone with their last
reference.
"""

import threading
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import storages
from django.db import OperationalError, connection, transaction

from tests.factories.people import make_mailbox
from webmail.models import Blob, Mailbox
from webmail.store import blobs as room
from webmail.store.blobs import (
    discard_blob,
    iter_blob,
    keep_blob,
    prepare_blob,
    read_blob,
    release_blob,
    write_blob,
)
from webmail.store.frames import DamagedContentError

pytestmark = pytest.mark.django_db


def path_of(blob):
    return Path(storages["blobs"].path(blob.name))


def stored_files():
    return {path for path in Path(django_settings.BLOB_DIR).rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _all_in_files(settings):
    settings.INLINE_BYTES = -1


@pytest.fixture
def petit_box(dr_petit):
    return make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)


@pytest.mark.parametrize("content", [b"", b"x", b"Mme Durand " * 200_000])
def test_content_comes_back(martin_box, content):
    blob = write_blob(martin_box, content)
    assert read_blob(blob, martin_box) == content
    assert (blob.size, blob.references) == (len(content), 1)
    assert b"Durand" not in path_of(blob).read_bytes()


def test_large_content_is_read_in_frames(martin_box):
    blob = write_blob(martin_box, b"x" * 2_500_000)
    assert [len(piece) for piece in iter_blob(blob, martin_box)] == [1 << 20, 1 << 20, 402_848]


@pytest.mark.parametrize("size", [0, 99, 100, 101])
def test_small_content_lies_in_its_row_and_needs_no_file(martin_box, settings, synced, size):
    settings.INLINE_BYTES = 100
    before = stored_files()
    written = write_blob(martin_box, b"D" * size)
    blob = Blob.objects.get(pk=written.pk)
    assert read_blob(blob, martin_box) == read_blob(written, martin_box) == b"D" * size
    assert (stored_files() == before) == (size <= 100) == bool(blob.content) == (not synced)
    assert b"DDDD" not in bytes(blob.content)


def test_altered_row_is_damaged_content(martin_box, petit_box, settings):
    settings.INLINE_BYTES = 100
    blob = write_blob(martin_box, b"lettre")
    whole = bytes(blob.content)
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), whole + b"x", whole[:3]):
        blob.content = broken
        with pytest.raises(DamagedContentError):
            read_blob(blob, martin_box)
    blob.content = write_blob(martin_box, b"autre").content
    with pytest.raises(DamagedContentError):
        read_blob(blob, martin_box)


@pytest.mark.parametrize("limit", [-1, 100])
def test_content_whose_transaction_failed_leaves_nothing(martin_box, settings, limit):
    settings.INLINE_BYTES = limit
    before = stored_files()
    prepared = prepare_blob(martin_box, b"lettre")
    with transaction.atomic():
        keep_blob(prepared)
        transaction.set_rollback(True)
    discard_blob(prepared)
    assert not Blob.objects.exists()
    assert stored_files() == before


def test_file_of_a_commit_whose_answer_was_lost_stays(martin_box, monkeypatch):
    prepared = prepare_blob(martin_box, b"lettre")
    blob = keep_blob(prepared)
    discard_blob(prepared)
    assert read_blob(blob, martin_box) == b"lettre"

    def down(**_conditions):
        raise OperationalError("down")

    unknown = prepare_blob(martin_box, b"autre")
    monkeypatch.setattr(Blob.objects, "filter", down)
    discard_blob(unknown)
    assert Path(storages["blobs"].path(unknown.name)).exists()


def test_same_content_is_kept_once_and_counted(martin_box, django_capture_on_commit_callbacks):
    first = write_blob(martin_box, b"lettre")
    before = stored_files()
    with django_capture_on_commit_callbacks(execute=True):
        second = write_blob(martin_box, b"lettre")
    assert second == first
    assert second.references == 2
    assert stored_files() == before


def test_same_content_of_two_boxes_has_nothing_in_common(martin_box, petit_box):
    first, second = write_blob(martin_box, b"lettre"), write_blob(petit_box, b"lettre")
    assert first.pk != second.pk
    assert first.content_hash != second.content_hash
    with pytest.raises(DamagedContentError):
        read_blob(first, petit_box)


def test_last_reference_takes_row_and_file(martin_box, django_capture_on_commit_callbacks):
    blob = write_blob(martin_box, b"lettre")
    write_blob(martin_box, b"lettre")
    path = path_of(blob)
    with django_capture_on_commit_callbacks(execute=True):
        release_blob(blob)
    assert Blob.objects.get().references == 1
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        release_blob(blob)
        # A transaction that is taken back still has its file.
        assert path.exists()
    assert not Blob.objects.exists()
    assert not path.exists()


def test_content_written_again_after_its_release_is_there(
    martin_box, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        release_blob(write_blob(martin_box, b"lettre"))
        again = write_blob(martin_box, b"lettre")
    assert read_blob(again, martin_box) == b"lettre"


def test_file_and_folder_are_synced_before_the_row_is_written(martin_box, monkeypatch, synced):
    keep = room.keep_blob

    def noted(prepared):
        synced.append("row")
        return keep(prepared)

    monkeypatch.setattr(room, "keep_blob", noted)
    blob = write_blob(martin_box, b"lettre")
    path = path_of(blob)
    assert synced[:2] == [path, path.parent]
    assert synced[-1] == "row"
    assert synced.count("row") == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_altered_cut_or_lost_file_is_damaged_content(martin_box):
    blob = write_blob(martin_box, b"lettre")
    path = path_of(blob)
    whole = path.read_bytes()
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"", whole + b"x"):
        path.write_bytes(broken)
        with pytest.raises(DamagedContentError):
            read_blob(blob, martin_box)
    path.unlink()
    with pytest.raises(DamagedContentError):
        read_blob(blob, martin_box)


def test_file_of_another_content_of_the_same_box_is_damaged_content(martin_box):
    first, second = write_blob(martin_box, b"un"), write_blob(martin_box, b"deux")
    path_of(first).write_bytes(path_of(second).read_bytes())
    with pytest.raises(DamagedContentError):
        read_blob(first, martin_box)


@pytest.mark.django_db(transaction=True)
def test_many_writers_and_releasers_at_once_count_right(martin_box):
    """Four hands write one content and take their reference back, but the first of each."""
    rounds, errors = 5, []
    barrier = threading.Barrier(4)

    def work():
        try:
            mailbox = Mailbox.objects.get(pk=martin_box.pk)
            barrier.wait(10)
            kept = write_blob(mailbox, b"lettre")
            for _ in range(rounds):
                release_blob(write_blob(mailbox, b"lettre"))
            assert read_blob(kept, mailbox) == b"lettre"
        except BaseException as error:  # noqa: BLE001  (Told to the test by its list.)
            errors.append(error)
        finally:
            connection.close()

    before = stored_files()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    blob = Blob.objects.get()
    assert blob.references == 4
    assert stored_files() - before == {path_of(blob)}
