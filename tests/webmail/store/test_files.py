"""The default storage: what has a name is on disk."""

import os

from django.core.files.base import ContentFile

from webmail.store.files import DurableFileStorage


def test_file_and_every_new_folder_are_synced(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def noted(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    storage = DurableFileStorage(location=tmp_path)
    name = storage.save("ab/contenu", ContentFile(b"x"))
    folder = tmp_path / "ab"
    assert synced == [str(folder / "contenu"), str(folder), str(tmp_path)]
    synced.clear()
    storage.save("ab/autre", ContentFile(b"y"))
    assert synced == [str(folder / "autre"), str(folder)]
    with storage.open(name) as file:
        assert file.read() == b"x"
