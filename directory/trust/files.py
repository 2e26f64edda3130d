"""Files that an administrator may replace under a running process: each is known by a stamp that
changes with it.

What was computed from a file is cached under its stamp. This file reads no content and knows no
format.
"""

from pathlib import Path
from typing import NamedTuple


class FileStamp(NamedTuple):
    path: Path
    modified_ns: int
    size: int
    inode: int


def stamp(path: Path) -> FileStamp:
    """The stamp of ``path``; raises ``OSError`` when there is no such file.

    The inode tells two files apart that were renamed into place within one tick of the clock.
    """
    status = path.stat()
    return FileStamp(path, status.st_mtime_ns, status.st_size, status.st_ino)


def stamp_all(folder: Path, pattern: str) -> tuple[FileStamp, ...]:
    """Stamps of the files of ``folder`` that match, in order; raises ``OSError`` when one vanishes
    meanwhile.
    """
    return tuple(stamp(path) for path in sorted(folder.glob(pattern)))
