"""Our own listener in a thread, and a scripted peer to send to. Real sockets, real certificates."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from typing import Any

from webmail.inbound.server import Listener


@contextlib.contextmanager
def running_listener():
    """Our SMTP listener on a free port; yields the port."""
    started = threading.Event()
    state: dict[str, Any] = {}

    async def serve():
        listener = Listener("127.0.0.1", 0)
        state["stop"] = asyncio.Event()
        state["loop"] = asyncio.get_running_loop()
        state["port"] = await listener.start()
        started.set()
        await state["stop"].wait()
        await listener.stop()
        # Conversations still open end now, as when the process stops.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(10), "the listener did not start"
    try:
        yield state["port"]
    finally:
        state["loop"].call_soon_threadsafe(state["stop"].set)
        thread.join(10)


def _hang_up(connection):
    """The other side sees the end now, whoever still holds the socket."""
    with contextlib.suppress(OSError):
        # Of the socket below: an SSLSocket would forget its TLS, and whoever reads from it in
        # another thread be given what is encrypted.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    connection.close()


PLAIN = ("STARTTLS", "SIZE 36700160", "8BITMIME")
# What a peer may offer beside; how a letter comes to it differs, what becomes of it does not.
MANNERS = {
    "data": PLAIN,
    "pipelined": (*PLAIN, "PIPELINING"),
    "chunked": (*PLAIN, "CHUNKING"),
    "both": (*PLAIN, "PIPELINING", "CHUNKING"),
}


class ScriptedPeer:
    """A peer's SMTP server that answers as told and remembers all it was given.

    ``replies`` maps a verb (``greeting``, ``EHLO``, ``STARTTLS``, ``MAIL``, ``RCPT``, ``DATA``,
    ``dot``, ``chunk``) to a list of answers, used in turn; the last one stays. An answer of
    ``None`` cuts the connection; ``"silence"`` says nothing at all, ``"drip"`` never comes to an
    end; ``"554 no|cut"`` answers, then cuts. The verb ``content`` with ``None`` cuts in the middle
    of a letter. ``dot`` also answers the last BDAT; ``chunk`` the others.

    ``letters`` holds (MAIL, RCPTs, content, is_tls) of each; with ``keeps_content`` false, the
    content's length.
    """

    def __init__(self, context, *, replies=None, offers=PLAIN):
        self.context = context
        self.replies = {key: list(value) for key, value in (replies or {}).items()}
        self.offers = offers
        self.letters = []
        self.keeps_content = True
        self.commands = []
        self.connections = 0
        self._open = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        # Who waits for the next connection is woken, and would otherwise take one more.
        _hang_up(self._socket)
        self._thread.join(10)
        for connection in list(self._open):
            _hang_up(connection)

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _answer(self, verb, default):
        script = self.replies.get(verb)
        if not script:
            return default
        return script.pop(0) if len(script) > 1 else script[0]

    def _converse(self, connection):
        with contextlib.ExitStack() as ends:
            ends.enter_context(contextlib.suppress(OSError, ssl.SSLError, ConnectionError))
            ends.enter_context(connection)
            self._talk(connection, ends)

    def _talk(self, connection, ends):
        state = _Talk(connection, ends)
        self._say(state, "greeting", "220 peer ready")
        while line := state.reader.readline():
            command = line.decode(errors="replace").strip()
            self.commands.append(command)
            verb = command.split(" ")[0].split(":")[0].upper()
            answer = getattr(self, f"_on_{verb.lower()}", self._on_other)
            answer(state, command)
            if verb == "QUIT":
                return

    def _say(self, state, verb, default, *, then=lambda: None):
        """Answer as told; ``then`` is done first when the answer is a yes."""
        answer = self._answer(verb, default)
        if answer is None:
            raise ConnectionError
        answer, _, after = answer.partition("|")
        if answer.startswith("250"):
            then()
        if answer == "drip":
            while True:
                state.connection.sendall(b"2")
                time.sleep(0.05)
        if answer != "silence":
            state.connection.sendall(answer.encode("latin-1") + b"\r\n")
        if after == "cut":
            raise ConnectionError
        return answer

    def _on_ehlo(self, state, _command):
        offers = [one for one in self.offers if not (state.is_tls and one == "STARTTLS")]
        lines = [f"250-{one}" for one in ["peer", *offers]]
        self._say(state, "EHLO", "\r\n".join([*lines, "250 HELP"]))

    def _on_starttls(self, state, _command):
        if self._say(state, "STARTTLS", "220 go").startswith("220"):
            state.secure(self.context)
            self._open.append(state.connection)

    def _on_mail(self, state, command):
        state.sender, state.recipients = command, []
        state.content = _Content(is_kept=self.keeps_content)
        self._say(state, "MAIL", "250 2.1.0 ok")

    def _on_rcpt(self, state, command):
        self._say(state, "RCPT", "250 2.1.5 ok", then=lambda: state.recipients.append(command))

    def _on_data(self, state, _command):
        if not self._say(state, "DATA", "354 go").startswith("354"):
            return
        if self._answer("content", "") is None:
            raise ConnectionError
        content = _Content(is_kept=self.keeps_content)
        while (line := state.reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError
            content.add(line)
        self._take(state, content)

    def _on_bdat(self, state, command):
        size, is_last = int(command.split(" ")[1]), command.upper().endswith(" LAST")
        if self._answer("content", "") is None:
            raise ConnectionError
        chunk = state.reader.read(size)
        if len(chunk) < size:
            raise ConnectionError
        state.content.add(chunk)
        if is_last:
            self._take(state, state.content)
        else:
            self._say(state, "chunk", "250 2.0.0 more")

    def _take(self, state, content):
        self.letters.append((state.sender, state.recipients, content.value(), state.is_tls))
        self._say(state, "dot", "250 2.0.0 taken")

    def _on_quit(self, state, _command):
        self._say(state, "QUIT", "221 bye")

    def _on_other(self, state, _command):
        state.connection.sendall(b"250 ok\r\n")


class _Content:
    """A letter as it comes, or how long it is."""

    def __init__(self, *, is_kept):
        self._pieces: list[bytes] | None = [] if is_kept else None
        self._size = 0

    def add(self, piece):
        self._size += len(piece)
        if self._pieces is not None:
            self._pieces.append(piece)

    def value(self):
        return self._size if self._pieces is None else b"".join(self._pieces)


class _Talk:
    """One conversation of a scripted peer: its socket, in clear and then not, and its letter."""

    def __init__(self, connection, ends):
        self.connection, self._ends, self.is_tls = connection, ends, False
        self.reader = ends.enter_context(connection.makefile("rb"))
        self.sender, self.recipients, self.content = "", [], None

    def secure(self, context):
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self._ends.callback(_hang_up, self.connection)
        self.reader, self.is_tls = self._ends.enter_context(self.connection.makefile("rb")), True
