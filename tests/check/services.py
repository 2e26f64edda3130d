"""Private servers for the tests: a PostgreSQL and a Redis in folders of their own, on free ports.

Each is a context manager that yields an address; when it ends, whatever the reason, the server is
stopped and its folder is gone. This file knows no test and no setting.
"""

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 15
# Where Debian puts each version's own programs; PATH has the wrappers only.
POSTGRESQL_PROGRAMS = Path("/usr/lib/postgresql")
POSTGRESQL_USER = "postgres"
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class MissingComponentError(Exception):
    """A program is not installed; the sentence names the Debian package."""


class ServerError(Exception):
    """A server did not start; its last words are in the sentence."""


@dataclass(frozen=True, slots=True)
class PrivatePostgres:
    folder: Path
    port: int

    def url(self, database: str) -> str:
        """An address as the settings take it: over TCP, by name alone, since only this machine can
        ask.
        """
        return f"postgresql://{POSTGRESQL_USER}@127.0.0.1:{self.port}/{database}"


@dataclass(frozen=True, slots=True)
class PrivateRedis:
    port: int

    def url(self, number: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{number}"


@contextlib.contextmanager
def private_postgres(*, is_durable: bool = False) -> Iterator[PrivatePostgres]:
    """A new cluster. Raises ``MissingComponentError`` or ``ServerError``.

    What it holds is thrown away, so it writes nothing safely unless it is to be ``is_durable``, for
    whoever measures what that costs.
    """
    programs = find_postgres()
    with _private_folder("postgres-") as folder:
        data, port = folder / "data", free_port()
        user = _postgres_user()
        if user is not None:
            shutil.chown(folder, user, user)
        _run(
            [
                str(programs / "initdb"),
                f"--pgdata={data}",
                f"--username={POSTGRESQL_USER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
            folder,
            user=user,
        )
        options = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "fsync": "on" if is_durable else "off",
            "full_page_writes": "on" if is_durable else "off",
        }
        command = [str(programs / "postgres"), "-D", str(data)]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        probe = [str(programs / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={port}"]
        with _running(command, folder, user=user, is_ready=lambda: _succeeds(probe)):
            yield PrivatePostgres(folder, port)


@contextlib.contextmanager
def private_redis() -> Iterator[PrivateRedis]:
    """A server that keeps nothing. Raises ``MissingComponentError`` or ``ServerError``."""
    program = shutil.which("redis-server")
    if program is None:
        raise MissingComponentError("Redis is missing: install the Debian package redis-server.")
    with _private_folder("redis-") as folder:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no"]
        with _running(command, folder, is_ready=lambda: _says_pong(port)):
            yield PrivateRedis(port)


def die_with_parent() -> None:
    """Between fork and exec: should we be killed outright, the child is told to stop (prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_postgres() -> Path:
    """The folder of the newest version installed."""
    found = sorted(
        (path.parent for path in POSTGRESQL_PROGRAMS.glob("*/bin/initdb")),
        key=lambda folder: float(folder.parent.name),
    )
    if not found:
        raise MissingComponentError("PostgreSQL is missing: install the Debian package postgresql.")
    return found[-1]


def _postgres_user() -> str | None:
    """The server refuses to run as root: then it runs as its package's own user."""
    return POSTGRESQL_USER if os.getuid() == 0 else None


def _run(command: Sequence[str], folder: Path, *, user: str | None) -> None:
    # Our own working directory may be closed to the server's user.
    done = subprocess.run(
        command,
        cwd=folder,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"{command[0]} failed: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def _private_folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _running(
    command: Sequence[str],
    folder: Path,
    *,
    is_ready: Callable[[], bool],
    user: str | None = None,
) -> Iterator[None]:
    """The command as a child that ends with the block, and with this process at the latest."""
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we stop the server when its work is done.
            preexec_fn=die_with_parent,  # noqa: PLW1509  (One prctl call.)
        )
    atexit.register(_stop, server)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if server.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"{command[0]} did not start: {log.read_text('utf-8')}")
            time.sleep(0.05)
        yield
    finally:
        _stop(server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    # Both servers stop cleanly and at once; on SIGTERM PostgreSQL would wait for its clients.
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False).returncode == 0


def _says_pong(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
