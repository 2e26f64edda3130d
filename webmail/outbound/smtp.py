"""One conversation with one peer. Knows TLS and SMTP replies; knows no database row, no list, no
mailbox.

The only file that imports smtplib. Nothing is ever said in clear beyond EHLO and STARTTLS, and
nothing of a letter is said before the caller has looked at the peer's certificate.
"""

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Final, Self

from webmail.mime.esmtp import mail_options, rcpt_options
from webmail.outbound.letters import Letter, Progress, stuffed
from webmail.outbound.replies import (
    PeerReply,
    ReplyReader,
    TransportError,
    checked,
    parse_reply,
    refusal,
)

_ONE_WRITE: Final = 256 * 1024  # Up to here a copy costs less than a second packet.
_SLICE: Final = 64 * 1024  # After so much the pace is looked at.
_GOODBYE_SECONDS: Final = 2


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
        self.letters = 0  # Transactions so far, refused ones too.
        self._is_in_data = False
        self._progress: Progress | None = None
        self._patience = smtp.timeout
        self._has_pipelining = smtp.has_extn("pipelining")
        self._has_chunking = smtp.has_extn("chunking")

    @property
    def is_open(self) -> bool:
        """Whether the line still stands, as far as we noticed."""
        return self._smtp.sock is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.leave()

    def leave(self, *, waits: bool = True) -> None:
        """Say goodbye, and wait a moment for the answer, or do not even wait."""
        sock = self._smtp.sock
        # In the middle of a letter a QUIT would be a line of it; only cutting the line says that
        # the letter is not to be kept.
        if sock is not None and not self._is_in_data:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                sock.settimeout(_GOODBYE_SECONDS)
                self._smtp.putcmd("QUIT")
                if waits:
                    self._smtp.getreply()
        self._smtp.close()

    def cut(self) -> None:
        """From another thread: whoever waits here for the peer waits no more.

        Once the end of a letter may be out it does nothing: the answer is worth its wait.
        """
        sock, progress = self._smtp.sock, self._progress
        if sock is not None and not (progress is not None and progress.is_dot_out):
            with contextlib.suppress(OSError):
                # Of the socket below: TLS would forget its state, and what follows be in clear.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def send(self, letter: Letter, *, before_dot: Callable[[], None]) -> dict[str, PeerReply]:
        """Hand over one letter; an answer for every recipient.

        ``before_dot`` is called when all but the end of the letter may have left. Raises
        ``TransportError`` when the conversation broke; the connection is of no use then.
        """
        progress = self._progress = Progress(before_dot, patience=self._patience)
        try:
            refusals = self._envelope(letter)
            self.letters += 1
            taken = [one for one in letter.recipients if one not in refusals]
            if not taken:
                self._reset()
                return refusals
            hand_over = self._chunks if self._has_chunking else self._data
            answer = hand_over(letter, progress)
        except (OSError, smtplib.SMTPException) as error:
            raise _broken(error, after_dot=progress.is_dot_out) from None
        finally:
            self._progress = None
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

    def _chunks(self, letter: Letter, progress: Progress) -> PeerReply:
        """The letter as it is (RFC 3030): no stuffing, no search for its end."""
        pieces = iter(letter.pieces())
        piece, following = next(pieces, b""), next(pieces, None)
        while following is not None:
            answer = self._chunk(piece, progress, is_last=False)
            if not answer.is_ok:
                self._reset()
                return answer
            piece, following = following, next(pieces, None)
        return self._chunk(piece, progress, is_last=True)

    def _chunk(self, piece: bytes, progress: Progress, *, is_last: bool) -> PeerReply:
        """``BDAT n LAST`` ends a letter when its last byte is there: up to then it is as good as
        before the dot.
        """
        command = f"BDAT {len(piece)}{' LAST' if is_last else ''}\r\n".encode("ascii")
        end: bytes | memoryview = command + piece if len(piece) <= _ONE_WRITE else b""
        self._is_in_data = True
        if not end:
            self._write(command)
            self._write_slowly(memoryview(piece)[:-_SLICE], progress)
            end = memoryview(piece)[-_SLICE:]
        if is_last:
            progress.let_dot_out()
        self._write(end)
        answer = checked(parse_reply(*self._smtp.getreply()), after_dot=progress.is_dot_out)
        self._is_in_data = False
        return answer

    def _data(self, letter: Letter, progress: Progress) -> PeerReply:
        answer = parse_reply(*self._smtp.docmd("DATA"))
        if answer.code != 354:  # noqa: PLR2004  (RFC 5321 §4.2.5: the only go-ahead.)
            refused = refusal(answer)
            self._reset()
            return refused
        self._is_in_data = True
        for piece in stuffed(letter.pieces()):
            self._write_slowly(piece, progress)
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

    def _write(self, data: bytes | memoryview) -> None:
        if self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("the line is closed")
        self._smtp.sock.sendall(data)

    def _write_slowly(self, data: bytes | memoryview, progress: Progress) -> None:
        """A slice at a time, as long as the peer keeps pace."""
        view = memoryview(data)
        for start in range(0, len(view), _SLICE):
            part = view[start : start + _SLICE]
            self._write(part)
            progress.note_sent(len(part))


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
        smtp.timeout = timeout
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
        """smtplib bounds each line of a reply, not their number nor their time; here the whole is
        bounded.
        """
        if self.file is None and self.sock is not None:
            self.file = ReplyReader(self.sock.makefile("rb"))
        if isinstance(self.file, ReplyReader):
            self.file.expect_reply(within=self.timeout)
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
