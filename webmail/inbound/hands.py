"""The listener's hands: threads for what touches disk or database, each with a connection that it
keeps. Functions go in, their results come out; it knows no message.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections

T = TypeVar("T")

_THREADS = 8


class Hands:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="hand")

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What ``function`` returns or raises, without holding up the event loop."""
        return await asyncio.wrap_future(self._pool.submit(_do, function, args, kwargs))

    async def finish(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """As ``run``, but once it is asked for it is done, also when nobody waits any more."""
        done = self._pool.submit(_do, function, args, kwargs)
        return await asyncio.shield(asyncio.wrap_future(done))

    def stop(self) -> None:
        """Let what is under way end."""
        self._pool.shutdown(wait=True)


def _do(function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
