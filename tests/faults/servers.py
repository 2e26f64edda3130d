"""PostgreSQL and Redis as a fault test breaks them: stopped in their tracks and started again where
they were. They belong to ``tests.check.services``, which ends them.
"""

import contextlib
import shlex
import socket
import subprocess

from tests.check import services


class Postgres:
    """``stopped`` is a block in which nobody answers; ``cut`` an outage as short as it can be."""

    def __init__(self, private, stack):
        self.folder, self.port, self._stack = private.folder, private.port, stack
        self.url = private.url("postgres")
        # What it was started with, in its own words.
        options = (self.folder / "data" / "postmaster.opts").read_text(encoding="utf-8")
        self._command = shlex.split(options)

    @contextlib.contextmanager
    def stopped(self):
        user = services._postgres_user()
        subprocess.run(
            [
                str(services.find_postgres() / "pg_ctl"),
                f"--pgdata={self.folder / 'data'}",
                "--mode=immediate",
                "stop",
            ],
            cwd=self.folder,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        yield
        probe = ["pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        running = services._running(
            self._command,
            self.folder,
            user=user,
            is_ready=lambda: services._succeeds(probe),
        )
        self._stack.enter_context(running)

    def cut(self):
        with self.stopped():
            pass


class Redis:
    def __init__(self, port, stack):
        self.port, self._stack = port, stack
        self.url = f"redis://127.0.0.1:{port}/0"

    def say(self, line):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(line.encode() + b"\r\n")
            return connection.recv(64)

    @contextlib.contextmanager
    def stopped(self):
        """It forgets everything: it was told to keep nothing."""
        assert self.say("SHUTDOWN NOSAVE") == b""
        yield
        folder = self._stack.enter_context(services._private_folder("redis-"))
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(folder), "--save", "", "--appendonly", "no"]
        running = services._running(
            command, folder, is_ready=lambda: services._says_pong(self.port)
        )
        self._stack.enter_context(running)


@contextlib.contextmanager
def breakable_servers():
    with (
        services.private_postgres() as postgres,
        services.private_redis() as redis,
        contextlib.ExitStack() as stack,
    ):
        yield Postgres(postgres, stack), Redis(redis.port, stack)
