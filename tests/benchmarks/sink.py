"""A fast sink of mail, in a process of its own: ``python -m tests.benchmarks.sink JSON``.

It demands TLS and a client certificate, reads pieces of 64 KiB and keeps nothing. Where it is told
to, it says for each letter on standard output when its first byte came, and whether its connection
was new. It ends with its standard input. It imports nothing of the product.
"""

import contextlib
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tests.check.steps import say

PIECE = 64 * 1024
OFFERS = ("PIPELINING", "CHUNKING", "8BITMIME", "SIZE 104857600")
_END = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Setting:
    port: int
    certificate: str
    key: str
    anchors: str
    offers: Sequence[str] = OFFERS
    is_noting: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """One letter. ``first_at``: the clock when its first byte came, or its connection's."""

    first_at: float
    is_first: bool
    size: int


class _GoneError(Exception):
    """The peer hung up."""


class _Conversation:
    def __init__(self, connection: socket.socket, setting: Setting) -> None:
        self._socket = connection
        self._setting = setting
        self._buffer = bytearray(PIECE)
        self._left = b""
        self._unsaid = b""
        self._first_at = 0.0  # Of what is being said now.
        self._letters = 0
        self._size = 0

    def hold(self, context: ssl.SSLContext) -> None:
        self._say(b"220 sink\r\n")
        is_secure = False
        while True:
            command = self._line()
            verb = command[:4].upper()
            if verb == b"EHLO":
                self._greet(is_secure=is_secure)
            elif verb == b"STAR":
                self._say(b"220 2.0.0 go\r\n")
                self._flush()
                self._socket = context.wrap_socket(self._socket, server_side=True)
                is_secure = True
            elif verb == b"BDAT":
                self._chunk(command)
            elif verb == b"DATA":
                self._say(b"354 go\r\n")
                self._data()
            elif verb == b"QUIT":
                self._say(b"221 2.0.0 bye\r\n")
                self._flush()
                return
            else:
                if verb == b"MAIL" and self._letters:
                    self._first_at = time.time()
                self._say(b"250 2.0.0 ok\r\n")

    def _greet(self, *, is_secure: bool) -> None:
        if not self._first_at:
            self._first_at = time.time()
        offers = [*self._setting.offers, *(() if is_secure else ("STARTTLS",))]
        lines = [f"250-{one}\r\n" for one in ("sink", *offers)]
        self._say("".join([*lines, "250 ENHANCEDSTATUSCODES\r\n"]).encode("ascii"))

    def _chunk(self, command: bytes) -> None:
        _, size, *last = command.split()
        left = int(size)
        self._size += left
        taken = min(left, len(self._left))
        self._left = self._left[taken:]
        left -= taken
        while left:
            left -= self._receive(min(left, PIECE))
        if last:
            self._note()
        self._say(b"250 2.0.0 taken\r\n")

    def _data(self) -> None:
        tail = b"\r\n"
        while True:
            piece = self._left or bytes(self._buffer[: self._receive(PIECE)])
            self._left = b""
            # Nothing is pipelined after the end of DATA (RFC 2920 §3.1).
            tail = (tail + piece[-len(_END) :])[-len(_END) :]
            self._size += len(piece)
            if tail == _END:
                break
        self._note()
        self._say(b"250 2.0.0 taken\r\n")

    def _note(self) -> None:
        noted = Noted(self._first_at, self._letters == 0, self._size)
        self._letters += 1
        self._size = 0
        if self._setting.is_noting:
            say(json.dumps(asdict(noted)))

    def _line(self) -> bytes:
        while b"\r\n" not in self._left:
            self._left += self._buffer[: self._receive(PIECE)]
        line, _, self._left = self._left.partition(b"\r\n")
        return line

    def _receive(self, limit: int) -> int:
        self._flush()
        count = self._socket.recv_into(self._buffer, limit)
        if not count:
            raise _GoneError
        return count

    def _say(self, words: bytes) -> None:
        """In one packet with what is said before the next wait (RFC 2920 §3.2)."""
        self._unsaid += words

    def _flush(self) -> None:
        if self._unsaid:
            self._socket.sendall(self._unsaid)
            self._unsaid = b""


def serve(setting: Setting) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(setting.certificate, setting.key)
    context.load_verify_locations(setting.anchors)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", setting.port), backlog=100) as server:
        say("ready")
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            arguments = (connection, setting, context)
            threading.Thread(target=_hold, args=arguments, daemon=True).start()


def _hold(connection: socket.socket, setting: Setting, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError, _GoneError), connection:
        _Conversation(connection, setting).hold(context)


def main() -> None:
    setting = Setting(**json.loads(sys.argv[1]))
    threading.Thread(target=serve, args=(setting,), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
