"""What one connection has proved so far: its peer, the letter it hands over. Values only."""

import time
from typing import Final

from webmail.inbound.esmtp import LetterAsked, ReportAsked
from webmail.inbound.gate import Peer
from webmail.inbound.intake import Intake
from webmail.models import Mailbox

_PROOF_SECONDS: Final = 60


class PeerSession:
    """What one connection has proved so far."""

    def __init__(self) -> None:
        self._peer: Peer | None = None
        self._proved_at = 0.0
        self._domains: set[str] = set()
        self.sender: str | None = None
        self.asked = LetterAsked()
        self.mailboxes: dict[int, Mailbox] = {}
        self.reports: dict[int, ReportAsked] = {}  # What is asked for each of the mailboxes.
        self.intake: Intake | None = None  # Of a message that comes in chunks.

    @property
    def peer(self) -> Peer | None:
        """Who it is, as long as the proof is fresh: a connection may stay open for hours, and a
        certificate or a listing be withdrawn meanwhile.
        """
        if time.monotonic() - self._proved_at > _PROOF_SECONDS:
            return None
        return self._peer

    @property
    def size(self) -> int:
        """What MAIL announced."""
        return self.asked.size

    def prove(self, peer: Peer) -> None:
        self._peer, self._proved_at = peer, time.monotonic()
        self._domains.clear()

    @property
    def known_peer(self) -> Peer:
        """The peer of a transaction under way, however long it takes."""
        if self._peer is None:
            raise RuntimeError("no certificate was checked")
        return self._peer

    def may_speak_for(self, domain: str) -> bool:
        """Whether the list said so since the peer was proved."""
        return domain in self._domains

    def note_domain(self, domain: str) -> None:
        self._domains.add(domain)

    def reset(self) -> None:
        """The transaction is over, or never was."""
        self.sender = None
        self.asked = LetterAsked()
        self.mailboxes = {}
        self.reports = {}
        if self.intake is not None:
            self.intake.discard()
            self.intake = None
