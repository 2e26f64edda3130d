"""Files that are on disk when ``save`` returns. Bytes pass through; it does not know that they are
encrypted.
"""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage


class DurableFileStorage(FileSystemStorage):
    """Django's file storage, made durable: file, then folder, are synced before a name is given
    out.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("location", settings.BLOB_DIR)
        kwargs.setdefault("file_permissions_mode", 0o600)
        kwargs.setdefault("directory_permissions_mode", 0o700)
        super().__init__(**kwargs)

    def _save(self, name: str, content: File[bytes]) -> str:
        path = Path(self.path(name))
        is_new_folder = not path.parent.exists()
        saved: str = super()._save(name, content)  # type: ignore[misc]  # The stubs do not know it.
        sync_file(path)
        sync_folder(path.parent)
        if is_new_folder:
            sync_folder(path.parent.parent)
        return saved


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """A new name is durable once its folder is synced (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
