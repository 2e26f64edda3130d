"""The clock of the machine is set, a day forward and an hour back, under a whole site: no letter is
lost, sent twice or held longer than an hour, and claims end.
"""

from pathlib import Path

import pytest

from tests.factories.letters import PETIT
from tests.faults.driver import Driver
from tests.faults.site import route_to, running_site, wait_for

pytestmark = pytest.mark.fault

HOUR = 3600
LIBRARY = "faketime/libfaketimeMT.so.1"

SLEEP = """import threading, time
time.sleep = lambda seconds: threading.Event().wait(seconds) and None
"""


class Clock:
    """The wall clock of a site; the one that nobody sets goes on as it is."""

    def __init__(self, file):
        self._file = file
        self.set(0)

    def set(self, seconds):
        # In one step: whoever reads it meanwhile reads the old one.
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n", encoding="ascii")
        new.replace(self._file)

    def environment(self):
        # Its clock_nanosleep refuses the absolute times that Python's sleep asks for.
        (self._file.parent / "sitecustomize.py").write_text(SLEEP, encoding="ascii")
        (library,) = Path("/usr/lib").glob(f"*/{LIBRARY}")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(self._file.parent),
        }


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "clock")


@pytest.fixture
def site(tmp_path, toy_space, peer, clock):
    options = {"routes": route_to(peer), "environment": clock.environment()}
    names = ("smtp", "sender", "worker")
    with running_site(tmp_path, toy_space.root, names=names, **options) as one:
        yield one


def rows(site):
    return {row["id"]: row for row in site.ask("deliveries")}


def copies(peer, message_id):
    return sum(message_id.encode() in content for _, _, content, _ in peer.letters)


def test_clock_that_is_set_forward_and_back(site, clock, peer, client_context):
    driver = Driver(site.smtp_port, client_context)
    assert driver.send("first").startswith("250")

    # A letter that is on the wire while the clock jumps is nobody else's for that.
    peer.delay = 4
    (slow,) = site.ask("submit", count=1, to=PETIT)
    wait_for(lambda: rows(site)[slow]["state"] == "in_flight", seconds=10)
    clock.set(24 * HOUR)
    wait_for(lambda: rows(site)[slow]["state"] == "accepted", seconds=30)
    assert (copies(peer, slow), rows(site)[slow]["attempts"]) == (1, 1)
    peer.delay = 0

    # Refused twice, the plan says an hour.
    peer.replies = {"dot": ["451 4.3.0 later"]}
    (refused,) = site.ask("submit", count=1, to=PETIT)
    wait_for(lambda: rows(site)[refused]["attempts"] == 2, seconds=30)
    wait_for(lambda: rows(site)[refused]["state"] == "deferred", seconds=10)
    assert 0 < rows(site)[refused]["next_in"] <= HOUR
    peer.replies = {}
    assert driver.send("forward").startswith("250")

    # The worker stands still while the clock goes back: what came just before looks like to-morrow.
    clock.set(22 * HOUR)
    assert driver.send("back").startswith("250")
    (last,) = site.ask("submit", count=1, to=PETIT)
    wait_for(lambda: rows(site)[last]["state"] == "accepted", seconds=30)
    wait_for(lambda: rows(site)[refused]["state"] == "accepted", seconds=30)
    clock.set(0)
    assert driver.send("last").startswith("250")
    wait_for(lambda: driver.is_kept(site.ask("letters")), seconds=30)
    assert all(copies(peer, one) == 1 for one in (slow, last))
    assert copies(peer, refused) == rows(site)[refused]["attempts"]
    assert site.is_whole()
