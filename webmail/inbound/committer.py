"""Commits what many conversations hand over, as many messages at once as wait for it.

One thread, one transaction for all that came while the last one was written: under load a commit,
and the disk's flush in it, serves many letters, and alone a letter waits for nobody. Files and
origins go in, the word that they are committed comes out; it knows no socket.
"""

import queue
import threading
from concurrent.futures import Future
from typing import Final

from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)

from webmail.inbound.bell import Bell
from webmail.inbound.spool import Handover, abandon_file, commit_all

_MOST_AT_ONCE: Final = 50
Waiting = tuple[Handover, "Future[None]"]


class CommitterStoppedError(Exception):
    """The listener ends: nothing was taken, the peer comes back."""


class Committer:
    """``receive`` or ``hand_over`` from any thread; the future is done when the message is ours, or
    why it is not: ``OSError`` or a database error. From the call on, the file belongs here.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._entry = threading.Lock()
        self._is_stopped = False
        self._bell = Bell()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def receive(self, handover: Handover) -> "Future[None]":
        """Seal a large message, then hand it over. Slow: for a hand, so that many disks' flushes
        run side by side. Raises ``OSError``, and leaves no file then.
        """
        try:
            handover.file.seal()
            return self.hand_over(handover)
        except BaseException:
            handover.file.discard()
            raise

    def hand_over(self, handover: Handover) -> "Future[None]":
        """Raises ``CommitterStoppedError`` after ``stop``."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # From here on nobody can take it back.
        with self._entry:
            if self._is_stopped:
                raise CommitterStoppedError
            self._queue.put((handover, done))
        return done

    def stop(self) -> None:
        """What was handed over before is committed; then the thread ends."""
        with self._entry:
            self._is_stopped = True
            self._queue.put(None)
        self._thread.join()
        self._bell.stop()

    def _run(self) -> None:
        try:
            while True:
                batch, is_last = self._next()
                if batch and _commit(batch):
                    self._bell.ring()
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


def _commit(batch: list[Waiting]) -> bool:
    """Whether any of them is ours now. Raises nothing: each conversation is told."""
    try:
        close_old_connections()
        commit_all([handover for handover, _ in batch])
        close_old_connections()
    except Exception as error:  # noqa: BLE001  (Each conversation is told, and knows what to answer; the thread must go on.)
        is_trouble_of_all = isinstance(error, OSError | OperationalError | InterfaceError)
        if len(batch) > 1 and not is_trouble_of_all:
            # One of them cannot be kept, which is no fault of the others.
            kept = [_commit([one]) for one in batch]
            return any(kept)
        for handover, done in batch:
            abandon_file(handover.file)
            done.set_exception(error)
        return False
    for _, done in batch:
        done.set_result(None)
    return True
