"""A file of the spool: encrypted, private, whole or an error, and gone when it is thrown away."""

import os
import stat

import pytest

from webmail.inbound.files import SpoolFile, iter_spool_file, read_spool_file, remove_spool_file
from webmail.store.frames import DamagedContentError


def write(*pieces):
    file = SpoolFile()
    for piece in pieces:
        file.write(piece)
    file.seal()
    return file


def test_what_is_written_in_pieces_is_read_back_whole():
    pieces = [b"From: a\r\n", b"", b"x" * 1_500_000, b"y" * 700_000]
    file = write(*pieces)
    assert file.size == sum(map(len, pieces))
    assert read_spool_file(file.name, file.wrapped_key) == b"".join(pieces)
    assert all(len(piece) <= 1024 * 1024 for piece in iter_spool_file(file.name, file.wrapped_key))


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
        read_spool_file(first.name, first.wrapped_key)


def test_file_then_folder_are_synced_before_seal_returns(synced, spool_folder):
    file = write(b"lettre")
    assert synced == [spool_folder / file.name, spool_folder]
    file.seal()
    assert len(synced) == 2


def test_cut_file_is_an_error_at_every_length(spool_folder):
    file = write(b"lettre")
    path = spool_folder / file.name
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedContentError):
            read_spool_file(file.name, file.wrapped_key)


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
    monkeypatch.undo()
    file.write(b"x" * 100)
    with pytest.raises(OSError, match="No space left"):
        file.seal()
    file.discard()
    assert file._file.closed


def test_removing_twice_is_no_error(spool_folder):
    file = write(b"lettre")
    remove_spool_file(file.name)
    remove_spool_file(file.name)
    assert list(spool_folder.iterdir()) == []
