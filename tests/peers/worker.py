"""A Celery worker as a site runs it: a process of its own that shares the test's database, state
folder and bell. It knows the settings that make it one with the test, and no letter.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.db import connections

from mssante.celery import app
from tests.check.services import die_with_parent

START_SECONDS = 30
STOP_SECONDS = 20
NEVER = 24 * 3600
SHARED_VALUES = (
    "CELERY_BROKER_URL",
    "CELERY_BROKER_TRANSPORT_OPTIONS",
    "MAIL_ROUTES",
    "WHITELIST_SIGNER_CN",
)
SHARED_PATHS = (
    "STATE_DIR",
    "MASTER_KEY_FILE",
    "BLOB_DIR",
    "SPOOL_DIR",
    "TRUST_ANCHORS_DIR",
    "TRUST_CRL_DIR",
    "TRUST_CERTIFICATE",
    "TRUST_PRIVATE_KEY",
    "WHITELIST_SOURCE",
)


@contextlib.contextmanager
def running_worker(settings, folder, *, sweep_seconds=NEVER):
    """A worker that is ready; without ``sweep_seconds`` only the bell can wake it.

    What other tests rang and nobody heard is taken away first. No process is left afterwards.
    """
    app.control.purge()
    facts, log = folder / "facts.json", folder / "worker.log"
    facts.write_text(json.dumps(_facts(settings, sweep_seconds)), encoding="utf-8")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.peers.worker_settings",
        "TEST_WORKER_FACTS": str(facts),
    }
    words = ["--app=mssante", "worker", "--concurrency=1", "--loglevel=INFO"]
    words += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  (One prctl call.)
        )
    try:
        wait_until(
            lambda: " ready." in log.read_text("utf-8") or worker.poll() is not None,
            seconds=START_SECONDS,
            log=log,
        )
        assert worker.poll() is None, log.read_text("utf-8")
        yield log
    finally:
        _stop(worker)


def wait_until(is_so, *, seconds, log):
    """Look again and again until it is so; what the worker said tells why it is not."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, log.read_text("utf-8")
        time.sleep(0.05)


def _facts(settings, sweep_seconds):
    names = {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections}
    values = {name: getattr(settings, name) for name in SHARED_VALUES}
    return {
        "databases": names,
        "paths": {name: str(getattr(settings, name)) for name in SHARED_PATHS},
        "values": {**values, "SWEEP_SECONDS": sweep_seconds},
    }


def _stop(worker):
    worker.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(STOP_SECONDS)
    # Its pool's processes, should it have died before them.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def processes_of(folder):
    """The ids of the processes whose command line or working folder names ``folder``."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (
                str(folder).encode() in (entry / "cmdline").read_bytes()
                or str(folder) in str((entry / "cwd").readlink())
            ):
                found.append(int(entry.name))
    return found
