"""Letters that kill, stall or choke the parser: taken all the same, tried three times, set aside;
and the letters around them arrive.
"""

import pytest

from tests.check.services import private_redis
from tests.faults import poison
from tests.faults.driver import Driver
from tests.faults.site import running_site, wait_for

pytestmark = pytest.mark.fault

LIMIT = 3


@pytest.fixture
def site(tmp_path, toy_space):
    """With Redis, as in production: there each process of the pool has a pipe of its own, and one
    that is ended takes nothing with it. On the file bell they share one.
    """
    values = {
        "SPOOL_TASK_SECONDS": 6,
        "LEASE_SECONDS": 2,
        "WORKER_MEMORY_BYTES": 400_000_000,
        "SPOOL_POISON_LIMIT": LIMIT,
    }
    options = {"names": ("smtp", "worker"), "values": values}
    with (
        private_redis() as redis,
        running_site(tmp_path, toy_space.root, broker=redis.url(), **options) as one,
    ):
        yield one


def test_poison_is_set_aside_and_the_others_arrive(site, client_context):
    driver = Driver(site.smtp_port, client_context)
    poisons = (poison.RAISE, poison.LOOP, poison.EAT, poison.DIE)
    for number, one in enumerate(poisons):
        assert driver.send(f"good-{number}").startswith("250")
        assert driver.send(f"poison-{number}", text=one.decode()).startswith("250")
    poisoned = {f"poison-{number}@cabinet-tilleuls.mssante.example" for number in range(4)}
    for message_id in poisoned:
        del driver.record[message_id]
    # The good ones do not wait for the last of the bad ones.
    wait_for(lambda: driver.is_kept(site.ask("letters")), seconds=60)
    wait_for(lambda: states(site).count("set_aside") == 4, seconds=90)
    problems = [row["problem"] for row in site.ask("spool") if row["state"] == "set_aside"]
    assert problems == ["RecursionError", "WorkerDied", "MemoryError", "WorkerDied"]
    # A worker that died leaves a claim; one that finds it too often sets it aside without a try.
    tries = [row["attempts"] for row in site.ask("spool") if row["state"] == "set_aside"]
    assert tries == [LIMIT, LIMIT + 1, LIMIT, LIMIT + 1]
    assert driver.send("after").startswith("250")
    wait_for(lambda: driver.is_kept(site.ask("letters")), seconds=30)
    assert site.is_whole()
    assert "POISON" not in site.said("worker")


def states(site):
    return [row["state"] for row in site.ask("spool")]
