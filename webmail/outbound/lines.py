"""Lines to peers that this process keeps between two tasks: a handshake costs more than twenty
small letters.

It knows lines by their domain and their age; what is said on them is not its business.
"""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

from django.conf import settings

from webmail.outbound.peers import PeerLine

_lock = threading.Lock()
_idle: defaultdict[str, list[PeerLine]] = defaultdict(list)


@contextlib.contextmanager
def borrowed_line(domain: str) -> Iterator[PeerLine]:
    """A line for one run: a kept one if there is, else one that opens when it is used. It is kept
    afterwards as long as it stands and nobody gave the peer up.
    """
    with _lock:
        line = _idle[domain].pop() if _idle[domain] else PeerLine(domain)
    try:
        yield line
    except BaseException:
        line.close()
        raise
    if line.given_up is not None or not line.is_open or settings.LINE_IDLE_SECONDS == 0:
        line.close()
        return
    line.idle_since = time.monotonic()
    with _lock:
        _idle[domain].append(line)


def close_idle_lines(*, older_than: float | None = None) -> None:
    """Say goodbye on lines nobody has used for a while (seconds; the settings' time by default)."""
    limit = time.monotonic() - (settings.LINE_IDLE_SECONDS if older_than is None else older_than)
    with _lock:
        old = [line for lines in _idle.values() for line in lines if line.idle_since <= limit]
        for line in old:
            _idle[line.domain].remove(line)
    for line in old:
        line.close()
