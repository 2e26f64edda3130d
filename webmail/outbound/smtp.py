"""One conversation with one peer. Knows TLS and SMTP replies; knows no database row, no list, no
mailbox.

The only file that imports smtplib. Nothing is ever said in clear beyond EHLO and STARTTLS, and
nothing of a letter is said before the caller has looked at the peer's certificate.
"""

import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Self

# Unfolds into one line what a peer answered, however long, for the operator's eyes.
_LONGEST_ANSWER = 1000
_ENHANCED_PARTS = 3
_LONGEST_REPLY = 64 * 1024


@dataclass(frozen=True, slots=True)
class PeerReply:
    """A peer's answer: code (0 for nonsense), enhanced code (RFC 3463) when it gave one, and its
    own words.
    """

    code: int
    enhanced: str
    text: str

    @property
    def is_ok(self) -> bool:
        return 200 <= self.code < 300  # noqa: PLR2004

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code < 600  # noqa: PLR2004


class TransportError(Exception):
    """The conversation failed for every recipient. ``permanent`` is decided here, next to the
    protocol.

    ``after_dot``: the letter had left completely when it failed, so the peer may have it.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        reply: PeerReply | None = None,
        after_dot: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.reply = reply
        self.after_dot = after_dot


@dataclass(frozen=True, slots=True)
class Letter:
    """One transaction: an envelope and the bytes in wire form (CRLF lines)."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Conversation:
    """A connection to one host, kept for as many letters as the caller has. Use it as a context
    manager.
    """

    def __init__(
        self,
        smtp: smtplib.SMTP,
        *,
        certificate: bytes,
        tls_version: str,
    ) -> None:
        self._smtp = smtp
        self.certificate = certificate  # DER, the peer's leaf.
        self.tls_version = tls_version
        self._is_in_data = False

    @property
    def is_open(self) -> bool:
        """Whether the line still stands, as far as we noticed."""
        return self._smtp.sock is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._is_in_data:
            # A QUIT would be a line of the letter; only cutting the line says that the letter is
            # not to be kept.
            self._smtp.close()
            return
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()

    def send(self, letter: Letter, *, before_dot: Callable[[], None]) -> dict[str, PeerReply]:
        """Hand over one letter; an answer for every recipient.

        ``before_dot`` is called when all but the final dot may leave. Raises ``TransportError``
        when the conversation broke; the connection is of no use then.
        """
        dot_may_be_out = False
        try:
            refusals = self._envelope(letter)
            taken = [one for one in letter.recipients if one not in refusals]
            if not taken:
                self._reset()
                return refusals
            answer = _reply(*self._smtp.docmd("DATA"))
            if answer.code != 354:  # noqa: PLR2004  (RFC 5321 §4.2.5: the only go-ahead.)
                return refusals | dict.fromkeys(taken, _refusal(answer))
            self._is_in_data = True
            self._smtp.send(_wire_form(letter.content))
            before_dot()
            dot_may_be_out = True
            self._smtp.send(b".\r\n")
            answer = _reply(*self._smtp.getreply())
            self._is_in_data = False
        except (OSError, smtplib.SMTPException) as error:
            raise _broken(error, after_dot=dot_may_be_out) from None
        return refusals | dict.fromkeys(taken, _checked(answer, after_dot=True))

    def _envelope(self, letter: Letter) -> dict[str, PeerReply]:
        """MAIL and RCPT; the recipients that were refused, with the peer's words. A refused MAIL
        refuses all.
        """
        options = []
        if self._smtp.has_extn("size"):
            options.append(f"SIZE={len(letter.content)}")
        answer = self._command(f"MAIL FROM:<{letter.sender}>", *options)
        if not answer.is_ok:
            self._reset()
            return dict.fromkeys(letter.recipients, answer)
        refusals = {}
        for recipient in letter.recipients:
            answer = self._command(f"RCPT TO:<{recipient}>")
            if not answer.is_ok:
                refusals[recipient] = answer
        return refusals

    def _reset(self) -> None:
        """End a transaction whose answers are known. A peer that hangs up after its refusal takes
        nothing of them back; only the line is lost.
        """
        try:
            self._command("RSET")
        except (OSError, smtplib.SMTPException, TransportError):
            self._smtp.close()

    def _command(self, command: str, *options: str) -> PeerReply:
        return _checked(_reply(*self._smtp.docmd(" ".join((command, *options)))))


def connect(
    host: str,
    port: int,
    *,
    context: ssl.SSLContext,
    ehlo_name: str,
    connect_timeout: float,
    timeout: float,
    allow_address: Callable[[str], bool],
) -> Conversation:
    """Connect, STARTTLS with our certificate, EHLO again; no word of any letter yet.

    ``allow_address`` is asked for each address the name leads to. Raises ``TransportError``; a peer
    without STARTTLS is a transient error, never a reason to speak in clear.
    """
    smtp = _NoDelaySMTP(
        host, ehlo_name=ehlo_name, timeout=connect_timeout, allow_address=allow_address
    )
    try:
        answer = _reply(*smtp.connect(host, port))
        if not answer.is_ok:
            raise TransportError("greeting", permanent=False, reply=answer)
        smtp.ehlo_or_helo_if_needed()
        if not smtp.has_extn("starttls"):
            raise TransportError("no_starttls")
        _start_tls(smtp, context)
        smtp.ehlo_or_helo_if_needed()
        sock = smtp.sock
        if not isinstance(sock, ssl.SSLSocket):
            raise TransportError("no_starttls")
        # It is there and speaks: from here on it has the longer time for each answer.
        sock.settimeout(timeout)
        certificate = sock.getpeercert(binary_form=True) or b""
        return Conversation(smtp, certificate=certificate, tls_version=sock.version() or "")
    except TransportError:
        smtp.close()
        raise
    except (OSError, smtplib.SMTPException) as error:
        smtp.close()
        raise _broken(error, after_dot=False) from None


def _start_tls(smtp: smtplib.SMTP, context: ssl.SSLContext) -> None:
    """smtplib sends the name for SNI (RFC 6066); the context itself compares no host name."""
    try:
        smtp.starttls(context=context)
    except smtplib.SMTPResponseException as error:
        answer = _reply(error.smtp_code, _as_bytes(error.smtp_error))
        raise TransportError("no_starttls", reply=answer) from None


class _NoDelaySMTP(smtplib.SMTP):
    """smtplib on a socket without Nagle's delay, and only to addresses the caller allows."""

    def __init__(
        self,
        host: str,
        *,
        ehlo_name: str,
        timeout: float,
        allow_address: Callable[[str], bool],
    ) -> None:
        super().__init__(local_hostname=ehlo_name, timeout=timeout)
        # smtplib sets the name for SNI only when it connects in its constructor.
        self._host = host
        self._allow_address = allow_address

    def getreply(self) -> tuple[int, bytes]:
        """smtplib bounds each line of a reply, not their number; here the whole is bounded."""
        if self.file is None and self.sock is not None:
            self.file = _ReplyReader(self.sock.makefile("rb"))
        if isinstance(self.file, _ReplyReader):
            self.file.left = _LONGEST_REPLY
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        last: OSError | None = None
        for *_kind, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            ip = str(address[0])
            if not self._allow_address(ip):
                last = OSError("address not allowed")
                continue
            try:
                sock = socket.create_connection((ip, port), timeout)
            except OSError as error:
                last = error
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        raise last or OSError("no address")


class _ReplyReader:
    """The peer's lines, as long as the reply they make up stays within ``left`` bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = _LONGEST_REPLY

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        self.left -= len(line)
        # A line as long as the limit is what smtplib refuses: it then closes the connection.
        return line if self.left >= 0 else b"x" * limit

    def close(self) -> None:
        self._file.close()


def _wire_form(content: bytes) -> bytes:
    """Dot-stuffed, up to the final dot (RFC 5321 §4.5.2). The content's lines end in CRLF already:
    we wrote it.
    """
    if content.startswith(b"."):
        content = b"." + content
    content = content.replace(b"\r\n.", b"\r\n..")
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    return content


def _reply(code: int, text: bytes) -> PeerReply:
    if not 100 <= code <= 999:  # noqa: PLR2004  (RFC 5321 §4.2: three digits, or no code at all.)
        code = 0
    shown = (char if char.isprintable() else " " for char in text.decode("ascii", "replace"))
    line = " ".join("".join(shown).split())[:_LONGEST_ANSWER]
    first, _, rest = line.partition(" ")
    parts = first.split(".")
    if len(parts) == _ENHANCED_PARTS and all(part.isdigit() for part in parts):
        return PeerReply(code, first, rest)
    return PeerReply(code, "", line)


def _checked(answer: PeerReply, *, after_dot: bool = False) -> PeerReply:
    """The answer, if it is one that ends a command. Raises ``TransportError`` otherwise."""
    if answer.code == 421:  # noqa: PLR2004  (RFC 5321 §3.8: the peer is closing, and took nothing.)
        raise TransportError("peer_closing", reply=answer)
    if answer.is_ok or 400 <= answer.code < 600:  # noqa: PLR2004
        return answer
    raise TransportError("protocol", reply=answer, after_dot=after_dot)


def _refusal(answer: PeerReply) -> PeerReply:
    """An answer that stands where a go-ahead should: a 2xx accepts nothing, since nothing was
    sent yet.
    """
    if answer.is_ok:
        raise TransportError("protocol", reply=answer)
    return _checked(answer)


def _broken(error: Exception, *, after_dot: bool) -> TransportError:  # noqa: PLR0911  (A table of types.)
    """Classify what smtplib and the socket raise: all of it is temporary, none of it proves
    anything about the letter.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransportError("untrusted_peer", after_dot=after_dot)
    if isinstance(error, ssl.SSLError):
        return TransportError("tls", after_dot=after_dot)
    # smtplib reports a time-out as a lost connection, and keeps the truth as its context.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return TransportError("timeout", after_dot=after_dot)
    if isinstance(error, socket.gaierror):
        return TransportError("dns_unavailable", after_dot=after_dot)
    if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
        return TransportError(
            "greeting", reply=_reply(error.smtp_code, _as_bytes(error.smtp_error))
        )
    if isinstance(error, ConnectionRefusedError):
        return TransportError("unreachable", after_dot=after_dot)
    if isinstance(error, smtplib.SMTPServerDisconnected | ConnectionError):
        return TransportError("connection_lost", after_dot=after_dot)
    if isinstance(error, smtplib.SMTPException):
        return TransportError("protocol", after_dot=after_dot)
    return TransportError("unreachable", after_dot=after_dot)


def _as_bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text
