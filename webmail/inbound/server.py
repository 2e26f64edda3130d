"""Listens for peers: one socket, a bounded number of conversations. Knows sockets, no message."""

import asyncio
import logging

from django.conf import settings

from webmail.inbound.committer import Committer
from webmail.inbound.engine import Engine
from webmail.inbound.hands import Hands
from webmail.inbound.limits import PeerLimits
from webmail.inbound.smtpd import TrustSpaceSMTP

logger = logging.getLogger(__name__)


class Listener:
    """Accepts connections and counts them, strangers apart from peers.

    Whoever has shown no certificate yet shares few places with all others who have not: when they
    are taken, the one that has waited longest goes, so that idle connections keep no peer out.
    Peers past their own limit are told to come back.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
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
        """Listen no longer; what was handed over is committed."""
        if self._server is not None:
            self._server.close()
        self._committer.stop()
        self._hands.stop()

    def _conversation(self) -> TrustSpaceSMTP:
        conversation = TrustSpaceSMTP(
            hands=self._hands,
            committer=self._committer,
            limits=self._limits,
            on_certificate=self._forget,
            on_close=self._forget,
        )
        if len(self._strangers) >= settings.SMTP_STRANGER_LIMIT:
            oldest = next(iter(self._strangers))
            self._forget(oldest)
            oldest.cut()
        # Counted last: a conversation that cannot begin (our own certificate cannot be read) has
        # no end either.
        self._strangers[conversation] = None
        return conversation

    def _forget(self, conversation: Engine) -> None:
        """It is no stranger any more, or no connection."""
        self._strangers.pop(conversation, None)


async def serve_until(stop: asyncio.Event, host: str, port: int) -> None:
    listener = Listener(host, port)
    await listener.start()
    await stop.wait()
    await listener.stop()
