"""The disk says no under a whole site on SQLite and files: it does not sync, it is nearly full, it
is full. Nothing is promised, nothing is spoilt, and it goes on when there is room.
"""

import contextlib
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.factories.letters import MARTIN, PETIT
from tests.faults.driver import Driver, letter_of
from tests.faults.site import HOME, WRITE, Browser, route_to, running_site, wait_for

pytestmark = pytest.mark.fault

MEGABYTE = 1_000_000
LEAST_FREE = 4 * MEGABYTE
FULL = "452 4.3.1 no room here at the moment, try again later"


@pytest.fixture(scope="module")
def site(tmp_path_factory, toy_space, peer):
    """Everything it keeps lies on a disk of 48 megabytes."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "state").mkdir()
    with small_disk(folder / "state"):
        values = {"SPOOL_LEAST_FREE_BYTES": LEAST_FREE}
        with running_site(folder, toy_space.root, routes=route_to(peer), values=values) as one:
            yield one


@contextlib.contextmanager
def small_disk(folder):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def driver(site, client_context):
    return Driver(site.smtp_port, client_context)


@pytest.fixture(scope="module")
def browser(site):
    return Browser(site).log_in()


@pytest.fixture(autouse=True)
def _healed(site, driver, request):
    yield
    (site.state / "filler").unlink(missing_ok=True)
    label = re.sub(r"\W", "-", request.node.name)
    for size in (0, 200_000):
        name = f"after-{label}-{size}"
        wait_for(lambda name=name, size=size: sends(driver, name, size), seconds=30)
    site.ask("submit", count=1, to=PETIT)
    wait_for(lambda: set(site.states()) <= {"accepted"}, seconds=60)
    wait_for(lambda: driver.is_kept(site.ask("letters")), seconds=60)
    assert site.is_whole()


def sends(driver, name, size):
    return driver.send(name, size=size).startswith("250")


@contextlib.contextmanager
def injected(pid, fault):
    """While the block lasts, system calls of a process end as told."""
    command = ["strace", "--follow-forks", f"--attach={pid}", "--output=/dev/null"]
    calls = fault.partition(":")[0]
    tracer = subprocess.Popen(
        [*command, f"--trace={calls}", f"--inject={fault}"], stderr=subprocess.DEVNULL
    )
    try:
        tasks = Path(f"/proc/{pid}/task")
        traced = f"TracerPid:\t{tracer.pid}\n"
        wait_for(
            lambda: all(traced in (one / "status").read_text() for one in tasks.iterdir()),
            seconds=10,
        )
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)


def fill(folder, *, leave):
    """Take all the room of a disk but ``leave`` bytes."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65536))
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - leave)


def test_disk_that_does_not_sync(site, driver):
    with injected(site.pid("smtp"), "fsync,fdatasync:error=EIO"):
        small, large = driver.send("eio-small"), driver.send("eio-large", size=200_000)
    assert small == "451 4.3.0 temporary failure here, try again later"
    assert large == FULL
    assert "event=spool_commit_failed" in site.said("smtp")
    assert "event=spool_write_failed" in site.said("smtp")


def test_disk_that_is_nearly_full(site, driver, browser):
    fill(site.state, leave=LEAST_FREE // 2)
    with contextlib.closing(driver.open()) as line:
        assert line.say(f"MAIL FROM:<{PETIT}>") == FULL
        # What people do still has room.
        assert browser.get(HOME)[0] == 200
        page = browser.fill_in(PETIT)
        assert browser.get(WRITE, {**page, "action": "send"})[0] == 200
        (site.state / "filler").unlink()
        assert line.say(f"MAIL FROM:<{PETIT}>").startswith("250")


@pytest.mark.parametrize("size", [0, 3 * MEGABYTE])
def test_disk_that_fills_up_during_a_letter(site, driver, browser, size):
    page = browser.fill_in(PETIT)
    with contextlib.closing(driver.open()) as line:
        line.open_data(PETIT, MARTIN)
        fill(site.state, leave=0)
        line.send(letter_of(f"full-{size}", size=size) + b".\r\n")
        assert line.last().startswith(("451 4.3.0", "452 4.3.1"))
        assert not list((site.state / "spool").glob("*"))
        status, shown, _ = browser.get(WRITE, {**page, "action": "send"})
        assert (status, "Notre stockage fait une pause" in shown) == (503, True)
        assert "Traceback" not in shown
        assert browser.get(HOME)[0] in {200, 503}
        sent = len(site.states())
        (site.state / "filler").unlink()
        time.sleep(1)
        # The same page, sent once more.
        assert browser.get(WRITE, {**page, "action": "send"})[0] == 200
        assert len(site.states()) == sent + 1
