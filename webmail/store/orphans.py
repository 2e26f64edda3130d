"""Files of the blob storage that no row holds: uploads and deposits cut by a crash. Names go by;
what they hold is not looked at.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath

from django.core.files.storage import Storage, storages

from webmail.models import Blob

_NAMES_AT_ONCE = 500  # One question to the database for so many.


def blob_folders() -> list[str]:
    """The folders of the storage; none when it cannot list (``Storage.listdir``)."""
    storage = storages["blobs"]
    try:
        return sorted(storage.listdir("")[0])
    except (NotImplementedError, FileNotFoundError):
        return []


def remove_blob_orphans(folder: str, *, before: datetime) -> int:
    """Delete the files of ``folder`` that are older than ``before`` and that no row holds; how many
    there were. ``before`` must leave time enough for a file to find its row.
    """
    storage = storages["blobs"]
    removed = 0
    for names in _portions(storage, folder):
        held = set(Blob.objects.filter(name__in=names).values_list("name", flat=True))
        for name in names:
            if name not in held and _is_old(storage, name, before):
                storage.delete(name)
                removed += 1
    return removed


def _portions(storage: Storage, folder: str) -> Iterator[list[str]]:
    try:
        files = storage.listdir(folder)[1]
    except FileNotFoundError:  # Gone meanwhile.
        return
    names = [str(PurePosixPath(folder, file)) for file in files]
    for start in range(0, len(names), _NAMES_AT_ONCE):
        yield names[start : start + _NAMES_AT_ONCE]


def _is_old(storage: Storage, name: str, before: datetime) -> bool:
    """A storage that cannot tell keeps its file."""
    try:
        return storage.get_modified_time(name) < before
    except (NotImplementedError, FileNotFoundError):
        return False
