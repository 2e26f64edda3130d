"""Our own listener in a thread, and a scripted peer to send to. Real sockets, real certificates."""

import asyncio
import contextlib
import socket
import ssl
import threading
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
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


class ScriptedPeer:
    """A peer's SMTP server that answers as told and remembers all it was given.

    ``replies`` maps a verb (``greeting``, ``EHLO``, ``STARTTLS``, ``MAIL``, ``RCPT``, ``DATA``,
    ``dot``) to a list of answers, used in turn; the last one stays. An answer of ``None`` cuts the
    connection; ``"silence"`` says nothing at all; ``"554 no|cut"`` answers, then cuts. The verb
    ``content`` with ``None`` cuts in the middle of a letter.
    """

    def __init__(self, context, *, replies=None, offers=("STARTTLS", "SIZE 36700160", "8BITMIME")):
        self.context = context
        self.replies = {key: list(value) for key, value in (replies or {}).items()}
        self.offers = offers
        self.letters = []
        self.commands = []
        self.connections = 0
        self._tls_connections = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._socket.close()
        for connection in self._tls_connections:
            _hang_up(connection)

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
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

    def _talk(self, connection, ends):  # noqa: C901, PLR0912  (One table of verbs.)
        file = ends.enter_context(connection.makefile("rwb", buffering=0))

        def say(verb, default):
            answer = self._answer(verb, default)
            if answer is None:
                raise ConnectionError
            answer, _, then = answer.partition("|")
            if answer != "silence":
                file.write(answer.encode("latin-1") + b"\r\n")
            if then == "cut":
                raise ConnectionError
            return answer

        say("greeting", "220 peer ready")
        sender, is_tls = "", False
        recipients: list[str] = []
        while line := file.readline():
            command = line.decode().strip()
            verb = command.split(" ")[0].split(":")[0].upper()
            self.commands.append(command)
            if verb == "EHLO":
                offers = [one for one in self.offers if not (is_tls and one == "STARTTLS")]
                say("EHLO", "\r\n".join([f"250-{o}" for o in ["peer", *offers]] + ["250 HELP"]))
            elif verb == "STARTTLS":
                if not say("STARTTLS", "220 go").startswith("220"):
                    continue
                connection = self.context.wrap_socket(connection, server_side=True)
                self._tls_connections.append(connection)
                ends.callback(_hang_up, connection)
                file, is_tls = ends.enter_context(connection.makefile("rwb", buffering=0)), True
            elif verb == "MAIL":
                sender, recipients = command, []
                say("MAIL", "250 2.1.0 ok")
            elif verb == "RCPT":
                if say("RCPT", "250 2.1.5 ok").startswith("25"):
                    recipients.append(command)
            elif verb == "DATA":
                if not say("DATA", "354 go").startswith("354"):
                    continue
                content = b""
                if self._answer("content", "") is None:
                    raise ConnectionError
                while not (content.endswith(b"\r\n.\r\n") or content == b".\r\n"):
                    piece = file.readline()
                    if not piece:
                        raise ConnectionError
                    content += piece
                self.letters.append((sender, recipients, content[:-3], is_tls))
                say("dot", "250 2.0.0 taken")
            elif verb == "QUIT":
                file.write(b"221 bye\r\n")
                return
            else:
                file.write(b"250 ok\r\n")
