"""Lines to peers that this process keeps between two tasks: a handshake costs more than twenty
small letters.

It knows lines by their domain and their age; what is said on them is not its business.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final

from django.conf import settings

from webmail.outbound.closing import closing
from webmail.outbound.peers import PeerLine

# How long what was begun may take to end by itself when the process is to end.
_LAST_SECONDS: Final = 5

_lock = threading.Lock()
_idle: dict[str, list[PeerLine]] = {}
_busy: set[PeerLine] = set()
_must_not_keep = threading.Event()
_goes_on = threading.Event()


@contextlib.contextmanager
def borrowed_line(domain: str) -> Iterator[PeerLine]:
    """A line for one run: a kept one if there is, else one that opens when it is used. It is kept
    afterwards as long as it stands and nobody gave the peer up.
    """
    line = _take(domain)
    try:
        yield line
    except BaseException:
        line.close()
        raise
    finally:
        with _lock:
            _busy.discard(line)
    if line.given_up is not None or not line.is_open or not _may_keep():
        line.close()
        return
    line.idle_since = time.monotonic()
    with _lock:
        _idle.setdefault(domain, []).append(line)


def close_idle_lines(*, older_than: float | None = None) -> None:
    """Say goodbye on lines nobody has used for a while (seconds; the settings' time by default).
    No answer is waited for: one peer that is silent by now would hold up whoever calls this.
    """
    limit = time.monotonic() - (settings.LINE_IDLE_SECONDS if older_than is None else older_than)
    with _lock:
        old = [line for lines in _idle.values() for line in lines if line.idle_since <= limit]
        for line in old:
            _idle[line.domain].remove(line)
            if not _idle[line.domain]:
                del _idle[line.domain]
    for line in old:
        line.close(waits=False)


def keep_no_lines() -> None:
    """For a process in which nobody closes what stands idle."""
    _must_not_keep.set()


def open_up() -> None:
    """The process begins, or goes on after all."""
    closing.clear()
    _goes_on.set()


def close_down() -> None:
    """The process is to end: nothing new is begun from now on, and who still waits for a peer in a
    few seconds is cut off. What was claimed and not handed over goes back.
    """
    _goes_on.clear()
    closing.set()
    threading.Thread(target=_cut_the_last, name="last call", daemon=True).start()


def _cut_the_last() -> None:
    if _goes_on.wait(_LAST_SECONDS):
        return
    with _lock:
        busy = list(_busy)
    for line in busy:
        line.cut()


def _take(domain: str) -> PeerLine:
    with _lock:
        # The one used last: it is the least likely to be dead.
        lines = _idle.get(domain, [])
        line = lines.pop() if lines else PeerLine(domain)
        if not lines:
            _idle.pop(domain, None)
        _busy.add(line)
    line.is_answering = False
    return line


def _may_keep() -> bool:
    return settings.LINE_IDLE_SECONDS > 0 and not _must_not_keep.is_set() and not closing.is_set()
