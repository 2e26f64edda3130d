"""How much one operator may ask of us at a time, so that none keeps the others out. Counts only; it
knows certificates by a key, no message and no socket.
"""

import time
from collections import Counter
from typing import Final

from django.conf import settings

from webmail.inbound.gate import RefusedError, Reply

_MINUTE: Final = 60.0
_TOO_MANY_LETTERS: Final = Reply(
    450, "4.7.1", "too many messages from this operator, try again later", "peer_rate"
)


class PeerLimits:
    """Connections at a time and messages a minute, of each peer and of all together."""

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()
        self._letters: Counter[str] = Counter()
        self._minute = 0.0

    def admit(self, key: str) -> bool:
        """Whether one more connection of this peer has room; it is counted then."""
        if (
            self._connections.total() >= settings.SMTP_CONNECTION_LIMIT
            or self._connections[key] >= settings.SMTP_PEER_CONNECTION_LIMIT
        ):
            return False
        self._connections[key] += 1
        return True

    def leave(self, key: str) -> None:
        self._connections[key] -= 1
        if not self._connections[key]:
            del self._connections[key]

    def count_letter(self, key: str) -> None:
        """One more message. Raises ``RefusedError`` (transient) past the limit of a minute."""
        now = time.monotonic()
        if now - self._minute > _MINUTE:
            self._minute = now
            self._letters.clear()
        if self._letters[key] >= settings.SMTP_PEER_LETTERS_PER_MINUTE:
            raise RefusedError(_TOO_MANY_LETTERS)
        self._letters[key] += 1
