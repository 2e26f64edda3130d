"""One conversation with one peer. Knows TLS and SMTP replies; knows no database row, no list, no
mailbox.

The only file that imports smtplib. Nothing is ever said in clear beyond EHLO and STARTTLS, and
nothing of a letter is said before the caller has looked at the peer's certificate.
"""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

from webmail.mime.esmtp import mail_options, rcpt_options
from webmail.outbound.replies import PeerReply, TransportError, checked, parse_reply, refusal

_LONGEST_REPLY = 64 * 1024
_ONE_WRITE = 256 * 1024  # Up to here a copy costs less than a second packet.


@dataclass(frozen=True, slots=True)
class Letter:
    """One transaction: an envelope, and the message in pieces of any length (its lines end in
    CRLF). ``pieces`` may be asked for once more when a connection proves dead.
    """

    sender: str
    recipients: tuple[str, ...]
    size: int
    pieces: Callable[[], Iterable[bytes]]
    # Which reports the peer is asked for, and what it is to call the letter in them.
    notify: tuple[str, ...] = ()
    envelope_id: str = ""


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
        self.letters = 0  # Transactions so far.
        self._is_in_data = False
        self._has_pipelining = smtp.has_extn("pipelining")
        self._has_chunking = smtp.has_extn("chunking")

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

        ``before_dot`` is called when all but the end of the letter may have left. Raises
        ``TransportError`` when the conversation broke; the connection is of no use then.
        """
        progress = _Progress(before_dot)
        try:
            refusals = self._envelope(letter)
            taken = [one for one in letter.recipients if one not in refusals]
            if not taken:
                self._reset()
                return refusals
            hand_over = self._chunks if self._has_chunking else self._data
            answer = hand_over(letter, progress)
        except (OSError, smtplib.SMTPException) as error:
            raise _broken(error, after_dot=progress.is_dot_out) from None
        self.letters += 1
        return refusals | dict.fromkeys(taken, answer)

    def _envelope(self, letter: Letter) -> dict[str, PeerReply]:
        """MAIL and RCPT; the recipients that were refused, with the peer's words. A refused MAIL
        refuses all.
        """
        mail = f"MAIL FROM:<{letter.sender}>"
        if self._smtp.has_extn("size"):
            mail += f" SIZE={letter.size}"
        notify: tuple[str, ...] = ()
        if self._smtp.has_extn("dsn"):
            mail += mail_options(letter.envelope_id)
            notify = letter.notify
        commands = [
            mail,
            *(f"RCPT TO:<{one}>{rcpt_options(one, notify)}" for one in letter.recipients),
        ]
        if self._has_pipelining:
            # RFC 2920: one packet there, one back.
            self._write("".join(f"{command}\r\n" for command in commands).encode("ascii"))
            mail_answer = self._answer()
            answers = self._answers_after(mail_answer, len(letter.recipients))
        else:
            mail_answer = self._command(mail)
            answers = [self._command(one) for one in commands[1:]] if mail_answer.is_ok else []
        if not mail_answer.is_ok:
            return dict.fromkeys(letter.recipients, mail_answer)
        pairs = zip(letter.recipients, answers, strict=True)
        return {recipient: answer for recipient, answer in pairs if not answer.is_ok}

    def _answers_after(self, mail_answer: PeerReply, count: int) -> list[PeerReply]:
        """The answers to a pipeline of RCPT. A peer that refused MAIL and hangs up has said it
        all.
        """
        try:
            return [self._answer() for _ in range(count)]
        except (OSError, smtplib.SMTPException, TransportError):
            if mail_answer.is_ok:
                raise
            self._smtp.close()
            return []

    def _chunks(self, letter: Letter, progress: "_Progress") -> PeerReply:
        """The letter as it is (RFC 3030): no stuffing, no search for its end."""
        pieces = iter(letter.pieces())
        piece, following = next(pieces, b""), next(pieces, None)
        while following is not None:
            answer = self._chunk(piece, is_last=False)
            if not answer.is_ok:
                self._reset()
                return answer
            piece, following = following, next(pieces, None)
        progress.let_dot_out()
        return self._chunk(piece, is_last=True, after_dot=True)

    def _chunk(self, piece: bytes, *, is_last: bool, after_dot: bool = False) -> PeerReply:
        command = f"BDAT {len(piece)}{' LAST' if is_last else ''}\r\n".encode("ascii")
        self._is_in_data = True
        if len(piece) <= _ONE_WRITE:
            self._write(command + piece)
        else:
            self._write(command)
            self._write(piece)
        answer = checked(parse_reply(*self._smtp.getreply()), after_dot=after_dot)
        self._is_in_data = False
        return answer

    def _data(self, letter: Letter, progress: "_Progress") -> PeerReply:
        answer = parse_reply(*self._smtp.docmd("DATA"))
        if answer.code != 354:  # noqa: PLR2004  (RFC 5321 §4.2.5: the only go-ahead.)
            refused = refusal(answer)
            self._reset()
            return refused
        self._is_in_data = True
        for piece in stuffed(letter.pieces()):
            self._write(piece)
        progress.let_dot_out()
        self._write(b".\r\n")
        answer = checked(parse_reply(*self._smtp.getreply()), after_dot=True)
        self._is_in_data = False
        return answer

    def _reset(self) -> None:
        """End a transaction whose answers are known. A peer that hangs up after its refusal takes
        nothing of them back; only the line is lost.
        """
        try:
            self._command("RSET")
        except (OSError, smtplib.SMTPException, TransportError):
            self._smtp.close()

    def _command(self, command: str) -> PeerReply:
        self._write(command.encode("ascii") + b"\r\n")
        return self._answer()

    def _answer(self) -> PeerReply:
        return checked(parse_reply(*self._smtp.getreply()))

    def _write(self, data: bytes) -> None:
        if self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("the line is closed")
        self._smtp.sock.sendall(data)


@dataclass(slots=True)
class _Progress:
    """How far a letter is: once its end may be out, the peer may have it."""

    before_dot: Callable[[], None]
    is_dot_out: bool = False

    def let_dot_out(self) -> None:
        self.before_dot()
        self.is_dot_out = True


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
        answer = parse_reply(*smtp.connect(host, port))
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
        answer = parse_reply(error.smtp_code, _as_bytes(error.smtp_error))
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


def stuffed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A message for DATA, up to the final dot: a second dot before each that begins a line (RFC
    5321 §4.5.2), wherever the pieces are cut. The lines end in CRLF already: we wrote them.
    """
    before = b"\r\n"
    for piece in pieces:
        # What came last decides what a dot at the beginning is; it is not sent twice.
        yield (before + piece).replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = (before + piece)[-2:]
    if before != b"\r\n":
        yield b"\r\n"


def _broken(error: Exception, *, after_dot: bool) -> TransportError:  # noqa: PLR0911  (A table of types.)
    """Classify what smtplib and the socket raise: all of it is temporary, none of it proves
    anything about the letter.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransportError("untrusted_peer", after_dot=after_dot)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return TransportError("connection_lost", after_dot=after_dot)
    if isinstance(error, ssl.SSLError):
        return TransportError("tls", after_dot=after_dot)
    # smtplib reports a time-out as a lost connection, and keeps the truth as its context.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return TransportError("timeout", after_dot=after_dot)
    if isinstance(error, socket.gaierror):
        return TransportError("dns_unavailable", after_dot=after_dot)
    if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
        return TransportError(
            "greeting", reply=parse_reply(error.smtp_code, _as_bytes(error.smtp_error))
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
