"""The default storage: what has a name is on disk."""

from django.core.files.base import ContentFile

from webmail.store.files import DurableFileStorage


def test_file_and_every_new_folder_are_synced(tmp_path, synced):
    storage = DurableFileStorage(location=tmp_path)
    name = storage.save("ab/contenu", ContentFile(b"x"))
    folder = tmp_path / "ab"
    assert synced == [folder / "contenu", folder, tmp_path]
    synced.clear()
    storage.save("ab/autre", ContentFile(b"y"))
    assert synced == [folder / "autre", folder]
    with storage.open(name) as file:
        assert file.read() == b"x"
