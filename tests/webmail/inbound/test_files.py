"""A file of the spool: encrypted, private, whole or an error, and gone when it is thrown away."""

import os
import stat

import pytest

from webmail.inbound.files import (
    SpoolFile,
    iter_spooled,
    read_spooled,
    remove_spool_file,
    sync_names,
)
from webmail.models import InboundMessage
from webmail.store.frames import DamagedContentError


@pytest.fixture(autouse=True)
def _all_in_files(settings):
    settings.INLINE_BYTES = -1


def write(*pieces):
    file = SpoolFile()
    for piece in pieces:
        file.write(piece)
    file.seal()
    return file


def row(file):
    return InboundMessage(name=file.name, wrapped_key=file.wrapped_key, content=file.content)


def test_what_is_written_in_pieces_is_read_back_whole():
    pieces = [b"From: a\r\n", b"", b"x" * 1_500_000, b"y" * 700_000]
    file = write(*pieces)
    assert file.size == sum(map(len, pieces))
    assert read_spooled(row(file)) == b"".join(pieces)
    assert all(len(piece) <= 1024 * 1024 for piece in iter_spooled(row(file)))


def test_file_and_folder_are_for_the_owner_alone(spool_folder):
    file = write(b"secret de Monique Durand")
    path = spool_folder / file.name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool_folder.stat().st_mode) == 0o700
    assert b"Monique" not in path.read_bytes()


def test_two_files_of_one_content_have_nothing_in_common(spool_folder):
    first, second = write(b"a" * 100), write(b"a" * 100)
    assert (spool_folder / first.name).read_bytes()[4:] != (
        spool_folder / second.name
    ).read_bytes()[4:]
    (spool_folder / first.name).write_bytes((spool_folder / second.name).read_bytes())
    with pytest.raises(DamagedContentError):
        read_spooled(row(first))


def test_file_is_synced_before_seal_returns_and_its_name_before_the_rows(synced, spool_folder):
    file = write(b"lettre")
    assert synced == [spool_folder / file.name]
    sync_names()
    assert synced == [spool_folder / file.name, spool_folder]
    file.seal()
    assert len(synced) == 2


@pytest.mark.parametrize(("size", "is_file"), [(0, False), (100, False), (101, True)])
def test_small_message_needs_no_file(settings, spool_folder, synced, size, is_file):
    settings.INLINE_BYTES = 100
    file = write(b"x" * size)
    assert file.is_file == is_file
    assert bool(synced) == is_file
    assert bool(file.content) != is_file
    assert read_spooled(row(file)) == b"x" * size
    assert b"xxxx" not in file.content
    file.discard()
    assert not spool_folder.exists() or list(spool_folder.iterdir()) == []


def test_altered_content_of_a_row_is_an_error(settings):
    settings.INLINE_BYTES = 100
    whole = row(write(b"lettre"))
    for length in range(1, len(whole.content)):
        cut = InboundMessage(
            name=whole.name, wrapped_key=whole.wrapped_key, content=whole.content[:length]
        )
        with pytest.raises(DamagedContentError):
            read_spooled(cut)


def test_cut_file_is_an_error_at_every_length(spool_folder):
    file = write(b"lettre")
    path = spool_folder / file.name
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedContentError):
            read_spooled(row(file))


def test_discarded_file_leaves_nothing(spool_folder):
    file = SpoolFile()
    file.write(b"x" * 3_000_000)
    file.discard()
    assert list(spool_folder.iterdir()) == []
    file.discard()


def test_discarding_on_a_full_disk_raises_nothing(monkeypatch, spool_folder):
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode=0o777: real("/dev/full", os.O_WRONLY))
    file = SpoolFile()
    file.write(b"x" * 100)
    with pytest.raises(OSError, match="No space left"):
        file.seal()
    monkeypatch.undo()
    file.discard()
    assert file._file is not None
    assert file._file.closed


def test_removing_twice_is_no_error(spool_folder):
    file = write(b"lettre")
    remove_spool_file(file.name)
    remove_spool_file(file.name)
    assert list(spool_folder.iterdir()) == []
