"""Debian's Postfix as the yardstick: one that takes letters safely and discards them, and a pair
that hands letters on over kept lines. It knows a configuration, a log and no benchmark.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mssante.demo.operators import HOSPITAL, PRACTICE, Operator
from mssante.demo.people import boxes_of
from mssante.demo.pki import ToySpace
from tests.benchmarks import processes
from tests.benchmarks.programs import BrokenError
from tests.peers.postfix import Postfix, running_postfix

SBIN = Path("/usr/sbin")
HOSPITAL_BOXES = [box.address(HOSPITAL) for box in boxes_of(HOSPITAL)]
HANDSHAKE = "TLS connection established from"
DISCARDED = "status=sent"
HELD = HOSPITAL_BOXES[-1]
_DISCARD = "discard unix - - n - - discard\n"
# Kept TLS connections need the process that holds them.
_KEEP = "tlsproxy unix - - n - 0 tlsproxy\n"
_FAST = {
    # The peer at its best: no pause when letters come faster than they leave, no look at DNS.
    "in_flow_delay": "0",
    "smtpd_peername_lookup": "no",
    "message_size_limit": "104857600",
    "mailbox_size_limit": "0",
    "virtual_mailbox_limit": "0",
}


@dataclass(slots=True)
class Log:
    """What a Postfix has said, read once and as it grows."""

    path: Path
    counts: dict[str, int] = field(default_factory=lambda: {HANDSHAKE: 0, DISCARDED: 0})
    _at: int = 0
    _rest: str = ""

    def look(self) -> dict[str, int]:
        """How often each mark was said so far."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._at)
                new = file.read()
            self._at += len(new)
            *lines, self._rest = (self._rest + new.decode("utf-8", "replace")).split("\n")
            for mark in self.counts:
                self.counts[mark] += sum(mark in line for line in lines)
        return self.counts

    def wait(self, is_so: Callable[[dict[str, int]], bool], *, seconds: float = 300) -> float:
        """The clock when it was so. Raises ``BrokenError`` when it never is."""
        deadline = time.monotonic() + seconds
        while not is_so(self.look()):
            if time.monotonic() > deadline:
                raise BrokenError(f"Postfix did not come so far: {self.counts}")
            time.sleep(0.01)
        return time.time()


@contextlib.contextmanager
def discarding_postfix(
    space: ToySpace, operator: Operator, *, port: int | None = None
) -> Iterator[Postfix]:
    """Takes letters for the operator's boxes from peers with a certificate, keeps each in a synced
    queue file, then throws it away.
    """
    with _postfix(
        space, operator, services=_DISCARD, port=port, settings={"virtual_transport": "discard:"}
    ) as postfix:
        yield postfix


@contextlib.contextmanager
def postfix_pair(space: ToySpace) -> Iterator[tuple[Postfix, Postfix]]:
    """The hospital's, which takes plain letters of its own users, and the practice's, to which it
    hands them over kept lines.
    """
    with discarding_postfix(space, PRACTICE) as receiver:
        relay = {
            "smtp_tls_connection_reuse": "yes",
            "transport_maps": f"inline:{{{PRACTICE.domain}=smtp:[127.0.0.1]:{receiver.port}}}",
            "smtp_tls_secure_cert_match": PRACTICE.host,
            # What this box sends waits until it is released.
            "smtpd_sender_restrictions": f"check_sender_access inline:{{{HELD}=HOLD}}",
        }
        with _postfix(space, HOSPITAL, services=_KEEP, settings=relay) as sender:
            yield sender, receiver


@contextlib.contextmanager
def _postfix(
    space: ToySpace,
    operator: Operator,
    *,
    services: str,
    settings: dict[str, str],
    port: int | None = None,
) -> Iterator[Postfix]:
    folder = space.root / "operators" / operator.key
    with running_postfix(
        domain=operator.domain,
        host=operator.host,
        users=[box.local_part for box in boxes_of(operator)],
        certificate=folder / "cert.pem",
        key=folder / "key.pem",
        anchors=space.anchors / "organisations",
        settings={**_FAST, **settings},
        services=services,
        port=port,
    ) as postfix:
        yield postfix


def release(postfix: Postfix) -> None:
    """All that is on hold may leave now."""
    # The queue manager is told as «postqueue -f» would: to look at all, and at what waits.
    for program, words in (("postsuper", ("-H", "ALL")), ("postkick", ("public", "qmgr", "FAD"))):
        subprocess.run(
            [SBIN / program, "-c", postfix.root / "etc", *words], capture_output=True, check=True
        )


def pids_of(postfix: Postfix) -> list[int]:
    return processes.in_session(processes.leader_of(postfix.root))


def log_of(postfix: Postfix) -> Log:
    """From here on: what was said before is not counted."""
    log = Log(postfix.root / "postfix.log")
    log.look()
    log.counts = dict.fromkeys(log.counts, 0)
    return log
