"""Slow work by other hands: its result comes back, and what must be finished is finished."""

import asyncio
import threading

import pytest

from webmail.inbound.hands import Hands

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hands():
    hands = Hands()
    yield hands
    hands.stop()


def test_result_and_error_come_back(hands):
    def fail():
        raise ValueError("no")

    async def story():
        assert await hands.run(max, [3, 4]) == 4
        assert await hands.finish(sorted, [2, 1], reverse=True) == [2, 1]
        for way in (hands.run, hands.finish):
            with pytest.raises(ValueError, match="no"):
                await way(fail)

    asyncio.run(story())


def test_what_must_be_finished_is_finished_although_nobody_waits(hands):
    """Even when all hands were busy as it was asked for, and the one who asked left."""
    go_on, done = threading.Event(), threading.Event()

    async def story():
        busy = [asyncio.create_task(hands.run(go_on.wait, 10)) for _ in range(8)]
        await asyncio.sleep(0)
        asked = asyncio.create_task(hands.finish(done.set))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert not done.is_set()
        go_on.set()
        await asyncio.gather(*busy)

    asyncio.run(story())
    hands.stop()
    assert done.is_set()


def test_event_loop_goes_on_meanwhile(hands):
    go_on = threading.Event()

    async def story():
        slow = asyncio.create_task(hands.run(go_on.wait, 10))
        await asyncio.sleep(0.01)
        go_on.set()
        assert await slow

    asyncio.run(story())
