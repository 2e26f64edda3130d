"""A fast source of mail, in a process of its own: ``python -m tests.benchmarks.source JSON``.

Mutual TLS or plain, connections kept or one for each letter, the classical dialogue or all that the
server offers. It says on standard output what it did, as JSON, and fails when one letter was not
taken. It imports nothing of the product: both sides of a comparison get the same source.
"""

import contextlib
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from tests.benchmarks.letters import Template, make_template
from tests.check.steps import say

TIMEOUT = 120
_ONE_WRITE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Errand:
    """What a source is to do. ``dialogue``: ``plain`` waits for each answer and uses DATA;
    ``offered`` uses what the server says it can, as real senders do: MAIL and RCPT together, then
    BDAT. (All three together would run into Nagle's delay of servers that answer in two writes.)
    """

    port: int
    letters: int
    size: int
    sender: str
    recipients: Sequence[str]
    tag: str
    connections: int = 1
    is_kept: bool = True
    dialogue: str = "offered"
    ehlo: str = "localhost"
    certificate: str = ""  # Empty: without TLS.
    key: str = ""
    anchors: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """``began`` and ``ended`` are the clock's; connections that are kept were open before."""

    began: float
    ended: float
    letters: int
    handshakes: int
    latency_ms: float

    @property
    def rate(self) -> float:
        return self.letters / (self.ended - self.began)


class Line:
    """One connection, as far as MAIL may be said."""

    def __init__(self, errand: Errand, context: ssl.SSLContext | None) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", errand.port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""
        self.expect(220)
        self.say(f"EHLO {errand.ehlo}", 250)
        if context is not None:
            self.say("STARTTLS", 220)
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        offers = self.say(f"EHLO {errand.ehlo}", 250).upper().split()
        self.is_offered = errand.dialogue == "offered"
        self.has_pipelining = self.is_offered and any(b"PIPELINING" in one for one in offers)
        self.has_chunking = self.is_offered and any(b"CHUNKING" in one for one in offers)

    def say(self, line: str, code: int) -> bytes:
        self.socket.sendall(line.encode("ascii") + b"\r\n")
        return self.expect(code)

    def expect(self, code: int) -> bytes:
        """The whole of one reply. Raises ``RuntimeError`` when it is another one."""
        reply = b""
        while True:
            while b"\r\n" not in self._left:
                piece = self.socket.recv(4096)
                if not piece:
                    raise RuntimeError(f"the server hung up; {code} was expected")
                self._left += piece
            line, _, self._left = self._left.partition(b"\r\n")
            reply += line + b"\n"
            if line[3:4] != b"-":
                if not line.startswith(str(code).encode()):
                    raise RuntimeError(f"{code} was expected: {line[:200]!r}")
                return reply

    def send(self, sender: str, recipient: str, letter: bytes) -> None:
        mail = f"MAIL FROM:<{sender}> SIZE={len(letter)}"
        rcpt = f"RCPT TO:<{recipient}>"
        if self.has_pipelining:
            self.socket.sendall(f"{mail}\r\n{rcpt}\r\n".encode("ascii"))
            self.expect(250)
        else:
            self.say(mail, 250)
            self.socket.sendall(f"{rcpt}\r\n".encode("ascii"))
        self.expect(250)
        if self.has_chunking:
            self._write(f"BDAT {len(letter)} LAST\r\n".encode("ascii"), letter)
        else:
            self.say("DATA", 354)
            self._write(letter, b".\r\n")
        self.expect(250)

    def _write(self, first: bytes, second: bytes) -> None:
        if len(first) + len(second) <= _ONE_WRITE:
            self.socket.sendall(first + second)
        else:
            self.socket.sendall(first)
            self.socket.sendall(second)

    def close(self) -> None:
        self.say("QUIT", 221)
        self.socket.close()


@dataclass(slots=True)
class _Work:
    """What the threads share."""

    errand: Errand
    template: Template
    context: ssl.SSLContext | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    number: int = 0
    handshakes: int = 0
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def next(self) -> int | None:
        with self.lock:
            if self.number == self.errand.letters or self.errors:
                return None
            self.number += 1
            return self.number - 1

    def open(self) -> Line:
        line = Line(self.errand, self.context)
        with self.lock:
            self.handshakes += self.context is not None
        return line


def run(errand: Errand) -> Done:
    """Hand over every letter. Raises ``RuntimeError`` when one was refused."""
    template = make_template(errand.size, sender=errand.sender, recipient=errand.recipients[0])
    work = _Work(errand, template, _context(errand))
    ready = threading.Barrier(errand.connections + 1, timeout=TIMEOUT)
    threads = [
        threading.Thread(target=_send_all, args=(work, ready)) for _ in range(errand.connections)
    ]
    for thread in threads:
        thread.start()
    # A connection that failed breaks the barrier; its own words are what is told then.
    with contextlib.suppress(threading.BrokenBarrierError):
        ready.wait()
    began = time.time()
    for thread in threads:
        thread.join()
    ended = time.time()
    if work.errors:
        raise RuntimeError(work.errors[0])
    latency = median(work.latencies) * 1000
    return Done(began, ended, len(work.latencies), work.handshakes, latency)


def _context(errand: Errand) -> ssl.SSLContext | None:
    """One context for all connections, as any good sender has; it resumes no session."""
    if not errand.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(errand.anchors)
    context.load_cert_chain(errand.certificate, errand.key)
    return context


def _send_all(work: _Work, ready: threading.Barrier) -> None:
    errand = work.errand
    try:
        kept = work.open() if errand.is_kept else None
        ready.wait()
        while (number := work.next()) is not None:
            letter = work.template.letter(errand.tag, number)
            began = time.monotonic()
            line = kept or work.open()
            line.send(errand.sender, errand.recipients[number % len(errand.recipients)], letter)
            if kept is None:
                line.close()
            work.latencies.append(time.monotonic() - began)
        if kept is not None:
            kept.close()
    except (OSError, RuntimeError) as error:
        work.errors.append(f"{type(error).__name__}: {error}")
        ready.abort()


def main() -> int:
    say(json.dumps(asdict(run(Errand(**json.loads(sys.argv[1]))))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
