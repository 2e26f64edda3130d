"""A wire between us and a peer that does what wires do: it is slow, breaks, falls silent; and what
somebody on the way can do: it takes words out. It copies bytes and knows no SMTP.
"""

import contextlib
import socket
import threading
import time


class Proxy:
    """Copies between whoever connects and ``port``. ``edit`` may change what the peer says;
    ``delay`` is waited before each piece; after ``most`` bytes from the client it either cuts the
    line or, ``is_half_open``, hears nothing and says nothing any more.
    """

    def __init__(self, port, *, edit=bytes, delay=0.0, most=None, is_half_open=False):
        self._target, self._edit, self._delay = port, edit, delay
        self._most, self._is_half_open = most, is_half_open
        self._sockets = []
        self._server = socket.create_server(("127.0.0.1", 0))
        # What the system would take in for us is not to hide that nobody listens any more.
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        for one in (self._server, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                peer = socket.create_connection(("127.0.0.1", self._target), timeout=10)
                self._sockets += [client, peer]
                for copy, ends in ((self._up, (client, peer)), (self._down, (peer, client))):
                    threading.Thread(target=copy, args=ends, daemon=True).start()

    def _up(self, client, peer):
        left = self._most
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                time.sleep(self._delay)
                if left is not None:
                    piece, left = piece[:left], left - len(piece)
                peer.sendall(piece)
                if left is not None and left <= 0:
                    if self._is_half_open:
                        return
                    break
        self._end(client, peer)

    def _down(self, peer, client):
        with contextlib.suppress(OSError):
            while piece := peer.recv(65536):
                time.sleep(self._delay)
                client.sendall(self._edit(piece))
        self._end(client, peer)

    def _end(self, *both):
        for one in both:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
