"""Commits what many conversations hand over, as many messages at once as wait for it.

One thread, one transaction for all that came while the last one was written: under load a commit,
and the disk's flush in it, serves many letters, and alone a letter waits for nobody. Files and
origins go in, the word that they are committed comes out; it knows no socket.
"""

import queue
import threading
from concurrent.futures import Future
from typing import Final

from django.db import DataError, IntegrityError, close_old_connections, connections

from webmail.inbound.spool import Handover, abandon_file, commit_all

_MOST_AT_ONCE: Final = 50
Waiting = tuple[Handover, "Future[None]"]


class Committer:
    """``hand_over`` from any thread; the future is done when the message is ours, or why it is
    not: ``OSError`` or a database error.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def hand_over(self, handover: Handover) -> "Future[None]":
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # From here on nobody can take it back.
        self._queue.put((handover, done))
        return done

    def stop(self) -> None:
        """What was handed over before is committed; then the thread ends."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                batch, is_last = self._next()
                if batch:
                    close_old_connections()
                    _commit(batch)
                    close_old_connections()
                if is_last:
                    return
        finally:
            connections.close_all()

    def _next(self) -> tuple[list[Waiting], bool]:
        """All that waits, up to the limit; waits when nothing does."""
        batch: list[Waiting] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == _MOST_AT_ONCE or self._queue.empty():
                return batch, False
            item = self._queue.get()
        return batch, True


def _commit(batch: list[Waiting]) -> None:
    try:
        commit_all([handover for handover, _ in batch])
    except Exception as error:  # noqa: BLE001  (Each conversation is told, and knows what to answer; the thread must go on.)
        if isinstance(error, IntegrityError | DataError) and len(batch) > 1:
            # One of them cannot be kept, which is no fault of the others.
            for one in batch:
                _commit([one])
            return
        for handover, done in batch:
            abandon_file(handover.file)
            done.set_exception(error)
    else:
        for _, done in batch:
            done.set_result(None)
