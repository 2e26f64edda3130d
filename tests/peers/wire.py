"""A peer that writes bytes instead of commands: it can cut them anywhere, hurry, and hang up."""

import socket
import struct


class Wire:
    """One connection to our listener. ``say`` sends a line and gives the reply."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._file.close()
        self._socket.close()

    def reset(self):
        """Hang up without a word: the other side sees a reset and not an end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, data):
        self._socket.sendall(data)

    def send_in_pieces(self, pieces):
        for piece in pieces:
            self.send(piece)

    def reply(self):
        """The lines of one reply; empty when the connection is closed."""
        lines = []
        while line := self._file.readline():
            lines.append(line.rstrip(b"\r\n").decode())
            if line[3:4] != b"-":
                return lines
        return lines

    def last(self):
        lines = self.reply()
        return lines[-1] if lines else ""

    def say(self, line):
        self.send(line.encode() + b"\r\n")
        return self.last()

    def is_closed(self):
        """Whether the other side hung up, once everything it said was read."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True

    def start_tls(self, context):
        assert self.say("STARTTLS").startswith("220")
        self._file.close()
        self._socket = context.wrap_socket(self._socket)
        self._file = self._socket.makefile("rb")

    def introduce(self, context, *, host="mss.cabinet-tilleuls.example"):
        """EHLO, STARTTLS, EHLO: as far as a peer of the trust space comes before MAIL."""
        self.say(f"EHLO {host}")
        self.start_tls(context)
        self.say(f"EHLO {host}")
        return self

    def address(self, sender, *recipients):
        """MAIL and RCPT: to where a chunk may be sent."""
        replies = [self.say(f"MAIL FROM:<{sender}>")]
        replies += [self.say(f"RCPT TO:<{one}>") for one in recipients]
        assert all(reply.startswith("250") for reply in replies), replies
        return self

    def chunk(self, content, *, is_last=False):
        """One BDAT and its reply."""
        self.send(b"BDAT %d%s\r\n" % (len(content), b" LAST" if is_last else b"") + content)
        return self.last()

    def open_data(self, sender, *recipients):
        """To where the message may be sent."""
        self.address(sender, *recipients)
        assert self.say("DATA").startswith("354")
