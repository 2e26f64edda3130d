"""Listens for peers: one socket, a bounded number of conversations. Knows sockets, no message."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings

from webmail.inbound.committer import Committer
from webmail.inbound.engine import Engine
from webmail.inbound.hands import Hands
from webmail.inbound.limits import PeerLimits
from webmail.inbound.smtpd import TrustSpaceSMTP

logger = logging.getLogger(__name__)

# How long a stop may take: for what came whole to be committed, and for peers to hang up.
_KEEPING_SECONDS: Final = 10.0
_GOODBYE_SECONDS: Final = 1.0


class Listener:
    """Accepts connections and counts them, strangers apart from peers.

    Whoever has shown no certificate yet shares few places with all others who have not: when they
    are taken, the one that has waited longest goes, so that idle connections keep no peer out.
    Peers past their own limit are told to come back.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._conversations: set[TrustSpaceSMTP] = set()
        self._strangers: dict[Engine, None] = {}  # In the order they came.
        self._hands, self._limits = Hands(), PeerLimits()
        self._committer = Committer()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Bind and listen; returns the port (which the system chose when 0 was asked for)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._conversation, self._host, self._port, backlog=settings.SMTP_CONNECTION_LIMIT
        )
        port: int = self._server.sockets[0].getsockname()[1]
        logger.info("event=smtp_listening port=%s", port)
        return port

    async def stop(self) -> None:
        """Listen no longer. A message that came whole is committed, and its peer told so: else it
        would send it again. The others are told to come back.
        """
        if self._server is not None:
            self._server.close()
        for conversation in list(self._conversations):
            if not conversation.is_keeping:
                conversation.say_goodbye()
        await _wait_while(self._is_keeping, _KEEPING_SECONDS)
        for conversation in list(self._conversations):
            conversation.say_goodbye()
        await _wait_while(lambda: bool(self._conversations), _GOODBYE_SECONDS)
        for conversation in list(self._conversations):
            conversation.cut()
        # In this order: hands pass on to the committer. Threads are waited for by a thread.
        await asyncio.to_thread(self._hands.stop)
        await asyncio.to_thread(self._committer.stop)

    def _is_keeping(self) -> bool:
        return any(one.is_keeping for one in self._conversations)

    def _conversation(self) -> TrustSpaceSMTP:
        conversation = TrustSpaceSMTP(
            hands=self._hands,
            committer=self._committer,
            limits=self._limits,
            on_certificate=self._know,
            on_close=self._forget,
        )
        if len(self._strangers) >= settings.SMTP_STRANGER_LIMIT:
            oldest = next(iter(self._strangers))
            self._know(oldest)
            oldest.cut()
        # Counted last: a conversation that cannot begin (our own certificate cannot be read) has
        # no end either.
        self._strangers[conversation] = None
        self._conversations.add(conversation)
        return conversation

    def _know(self, conversation: Engine) -> None:
        """It is no stranger any more."""
        self._strangers.pop(conversation, None)

    def _forget(self, conversation: Engine) -> None:
        """It is no connection any more."""
        self._strangers.pop(conversation, None)
        self._conversations -= {conversation}


async def _wait_while(question: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while question() and time.monotonic() < end:  # noqa: ASYNC110  (Once in a process's life.)
        await asyncio.sleep(0.01)


async def serve_until(stop: asyncio.Event, host: str, port: int) -> None:
    listener = Listener(host, port)
    await listener.start()
    await stop.wait()
    await listener.stop()
