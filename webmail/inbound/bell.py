"""Rings the worker for what was committed, from a thread of its own: a broker that does not answer
holds up no letter, and many letters need one ring. It knows no message.
"""

import threading
from typing import Final

from webmail.inbound.tasks import ring_spool

# The worker takes all there is: more rings in so short a time say no more.
_PAUSE_SECONDS: Final = 0.02
_GOODBYE_SECONDS: Final = 2.0


class Bell:
    """``ring`` from any thread; it returns at once."""

    def __init__(self) -> None:
        self._pulled = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        self._pulled.set()

    def stop(self) -> None:
        """A last ring, if one was asked for; a broker that is silent is not waited for, since the
        sweep finds the rows.
        """
        self._stop.set()
        self._pulled.set()
        self._thread.join(_GOODBYE_SECONDS)

    def _run(self) -> None:
        was_stopped = False
        while not was_stopped:
            self._pulled.wait()
            self._pulled.clear()
            was_stopped = self._stop.is_set()
            ring_spool()
            self._stop.wait(_PAUSE_SECONDS)
