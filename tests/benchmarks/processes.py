"""What processes cost: processor time and memory, by session, as the kernel counts them.

Every server here is started as the leader of a session of its own, so that whatever it starts is
counted with it. This file knows numbers of processes, not what they do.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_KB = 1024
_RESET_PEAK = "5"  # proc(5), clear_refs: the peak of the resident set begins anew.


def in_session(leader: int) -> list[int]:
    """The processes of the session that ``leader`` began."""
    return [pid for pid in _all() if _stat(pid)[3:4] == [str(leader)]]


def leader_of(folder: Path) -> int:
    """The first process whose command line names ``folder``."""
    for pid in sorted(_all()):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (PROC / str(pid) / "cmdline").read_bytes():
                return int(_stat(pid)[3])
    raise LookupError("no process works there")


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time of the processes and of those they waited for."""
    ticks = 0
    for pid in pids:
        # utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
        ticks += sum(int(field) for field in _stat(pid)[11:15])
    return ticks / _TICKS


def pss_mb(pids: Iterable[int]) -> float:
    """Memory, what is shared counted in proportion."""
    return sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in pids) * _KB / 1e6


def rss_mb(pid: int) -> float:
    return _kilobytes(pid, "status", "VmRSS:") * _KB / 1e6


def peak_mb(pid: int) -> float:
    """The most that was resident since ``reset_peak``; the kernel keeps count, nothing is missed
    between two looks.
    """
    return _kilobytes(pid, "status", "VmHWM:") * _KB / 1e6


def reset_peak(pid: int) -> None:
    (PROC / str(pid) / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def _all() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """The fields of ``stat`` after the command's name, the state first; empty: it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _kilobytes(pid: int, file: str, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / file).read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0
