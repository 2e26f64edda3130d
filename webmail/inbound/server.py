"""Listens for peers: one socket, a bounded number of conversations. Knows sockets, no message."""

import asyncio
import logging

from django.conf import settings

from webmail.inbound.smtpd import TrustSpaceSMTP

logger = logging.getLogger(__name__)


class Listener:
    """Accepts connections and counts them: past the limit a peer is told to come back."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._open = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Bind and listen; returns the port (which the system chose when 0 was asked for)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._conversation, self._host, self._port)
        port: int = self._server.sockets[0].getsockname()[1]
        logger.info("event=smtp_listening port=%s", port)
        return port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def _conversation(self) -> TrustSpaceSMTP:
        conversation = TrustSpaceSMTP(
            on_close=self._closed, is_over_limit=self._open >= settings.SMTP_CONNECTION_LIMIT
        )
        # Counted last: a conversation that cannot begin (our own certificate cannot be read) has
        # no end either.
        self._open += 1
        return conversation

    def _closed(self) -> None:
        self._open -= 1


async def serve_until(stop: asyncio.Event, host: str, port: int) -> None:
    listener = Listener(host, port)
    await listener.start()
    await stop.wait()
    await listener.stop()
