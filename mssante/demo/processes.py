"""Processes that end with us: started in groups of their own, watched, stopped together. It knows
commands and signals only.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 20  # More than a worker takes that is just connecting to a silent peer.
_MOST_RESTARTS = 5


class DemoError(Exception):
    """The demonstration cannot start or go on; the sentence says what to do."""


@contextlib.contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Only one demonstration per checkout. Raises ``DemoError`` when another one runs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Beside the folder, so that clearing the folder does not take the lock away.
    with (folder.parent / f"{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(
                "The demonstration of this checkout is running already. Stop it first (Ctrl-C "
                "there)."
            ) from None
        yield


def check_ports(ports: Sequence[int], port_base: int) -> None:
    """Raises ``DemoError`` when a port is taken."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise DemoError(
                    f"Port {port} is taken by another program. Choose others: make run "
                    f"PORT_BASE={port_base + 600}"
                ) from None


@dataclass
class Child:
    """One long-running process and the file its words go to."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_at: float = field(default=0.0)

    def start(self) -> None:
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  (One prctl call; no thread runs when children start.)
            )
        self.started_at = time.monotonic()

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def revive(self) -> None:
        """Start it again after it died by itself. Raises ``DemoError`` when it keeps dying."""
        if time.monotonic() - self.started_at > 60:  # noqa: PLR2004  (It ran well for a while: count anew.)
            self.restarts = 0
        self.restarts += 1
        if self.restarts > _MOST_RESTARTS:
            raise DemoError(f"{self.name} keeps stopping. Its last words are in {self.log}")
        self.start()


def _die_with_parent() -> None:
    """Linux: a child whose supervisor was killed outright is told to stop (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def stop_all(children: Sequence[Child]) -> None:
    """Ask each process to end, wait, then end what is left of its group. Nothing of ours runs when
    this returns.
    """
    for child in children:
        # The process itself only: it knows in which order its own children end.
        if child.is_alive() and child.process is not None:
            child.process.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children:
        if child.process is None:
            continue
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.1, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
