"""What one connection has proved so far: its peer, the letter it hands over. Values only."""

from webmail.inbound.gate import Peer
from webmail.models import Mailbox


class PeerSession:
    """What one connection has proved so far."""

    def __init__(self) -> None:
        self.peer: Peer | None = None
        self.sender: str | None = None
        self.size = 0
        self.mailboxes: dict[int, Mailbox] = {}

    def reset(self) -> None:
        self.sender = None
        self.size = 0
        self.mailboxes = {}
