"""aiosmtpd's protocol engine, tamed: TLS and a certificate before anything else, enhanced codes in
every reply, streams read in large pieces.

It knows SMTP's frame, sockets and TLS; what is said inside a transaction is ``smtpd``'s business.
"""

import asyncio
import hashlib
import logging
import re
import ssl
from collections.abc import Callable
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session, TLSSetupException
from django.conf import settings

from directory.trust.tls import server_context
from webmail.inbound.gate import Reply
from webmail.inbound.intake import Intake
from webmail.inbound.limits import PeerLimits
from webmail.inbound.session import PeerSession

logger = logging.getLogger(__name__)

CHUNK: Final = 64 * 1024
# Words that lead to no letter, between two letters. Postfix has the same number.
_IDLE_WORDS: Final = 100
_LONGEST_NAME: Final = 255
CANNOT_TELL: Final = Reply(451, "4.3.0", "temporary failure here, try again later", "internal")
# Replies of aiosmtpd itself that carry no enhanced code get the general one (RFC 2034 §4).
_BARE_REPLY: Final = re.compile(r"([245])(\d\d) (?![245]\.\d{1,3}\.\d{1,3} )(.*)", re.DOTALL)
_GENERAL: Final = {
    "221": "2.0.0",
    "250": "2.0.0",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "503": "5.5.1",
    "530": "5.7.0",
}


def _note_end(conversation: "asyncio.Task[None]") -> None:
    """A peer that was cut or left is no error of ours; asyncio would print a trace of it."""
    if not conversation.cancelled() and (error := conversation.exception()) is not None:
        logger.warning("event=smtp_cut error=%s", type(error).__name__)


class _LineLimits(dict[str, int]):
    """Longest line of each command. aiosmtpd keeps one table for all its connections, and in it a
    row for every word that anybody ever said.
    """

    def __missing__(self, _command: str) -> int:
        return SMTP.command_size_limit


class Engine(SMTP):
    """aiosmtpd with the trust space's rules."""

    # The stream's limit, so that DATA is read in large pieces; a command is still held to 512 bytes
    # and its parameters.
    line_length_limit = CHUNK

    def __init__(
        self,
        *,
        limits: PeerLimits,
        on_certificate: Callable[["Engine"], None],
        on_close: Callable[["Engine"], None],
    ) -> None:
        """``on_certificate`` is told once that the stranger is a peer."""
        self.command_size_limits = _LineLimits()
        super().__init__(
            self,
            data_size_limit=settings.MESSAGE_SIZE_LIMIT_IN,
            hostname=settings.SMTP_EHLO_NAME,
            ident="MSSante ESMTP",
            tls_context=server_context(),
            require_starttls=True,
            timeout=settings.SMTP_STRANGER_SECONDS,
            loop=asyncio.get_running_loop(),
        )
        for verb in ("AUTH", "EXPN", "HELP", "VRFY"):
            del self._smtp_methods[verb]
        self._limits = limits
        self._on_certificate = on_certificate
        self._on_close = on_close
        self._key = ""  # Of the certificate, once it was shown and there was room for it.
        self._has_room = True
        self._idle_words = 0
        self._proved = PeerSession()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._proved = PeerSession()
        if self._tls_protocol is None and self._handler_coroutine is not None:
            self._handler_coroutine.add_done_callback(_note_end)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._proved.reset()
        if self._key:
            self._limits.leave(self._key)
            self._key = ""
        self._on_close(self)

    def say_goodbye(self) -> None:
        """The listener ends (RFC 5321 §3.8). Nothing is promised that is not committed."""
        if self.transport is not None and not self._writer.is_closing():
            self._writer.write(b"421 4.3.2 service is ending, come back later\r\n")
            self._close()

    def cut(self) -> None:
        """End the connection at once, without a word: its place is needed."""
        transport = self._original_transport or self.transport
        if isinstance(transport, asyncio.Transport):
            transport.abort()

    async def push(self, status: str | bytes) -> None:
        text = status.decode("ascii") if isinstance(status, bytes) else status
        bare = _BARE_REPLY.match(text)
        if bare and text[:3] in _GENERAL:
            text = f"{text[:3]} {_GENERAL[text[:3]]} {bare[3]}"
        if text.startswith(("500", "502")):
            self._idle_words += 1
        if self._idle_words > _IDLE_WORDS:
            await super().push("421 4.7.0 many words and no letter, come back later")
            self._close()
            return
        await super().push(text)
        # However many commands lie in the buffer, the others have their turn between any two.
        await asyncio.sleep(0)

    def handle_STARTTLS(  # noqa: N802  (aiosmtpd's name for the hook.)
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> bool:
        # Whoever comes without a certificate is told why at MAIL, in words; nothing else is open to
        # them, and they stay strangers. One that did not hold ended the handshake.
        certificate = self._certificate()
        if certificate is None:
            return True
        key = hashlib.sha256(certificate).hexdigest()
        self._has_room = self._limits.admit(key)
        if self._has_room:
            self._key = key
            self._timeout_duration = settings.SMTP_IDLE_SECONDS
            self._on_certificate(self)
        # Else it stays among the strangers, whose places are few and short: a peer past its limit
        # cannot hold sockets by never asking.
        return True

    async def handle_exception(self, error: Exception) -> str:
        """Anything unforeseen is our fault and temporary: nothing was promised, the peer comes
        back.
        """
        if isinstance(error, ssl.SSLError | ConnectionError | TLSSetupException):
            logger.warning(
                "event=smtp_tls_failed error=%s", type(error.__cause__ or error).__name__
            )
        else:
            logger.error("event=smtp_failed error=%s", type(error).__name__)
        return str(CANNOT_TELL)

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        if not await self._check_greeting(hostname):
            return
        self._set_rset_state()  # type: ignore[no-untyped-call]
        self._proved.reset()
        self._here().extended_smtp = True
        self._here().host_name = hostname
        self.command_size_limits["MAIL"] = 1024
        self.command_size_limits["RCPT"] = 1024
        lines = [self.hostname, f"SIZE {settings.MESSAGE_SIZE_LIMIT_IN}", "8BITMIME"]
        lines += ["PIPELINING", "CHUNKING", "DSN"]
        if self._tls_protocol is None:
            lines.append("STARTTLS")
        lines.append("ENHANCEDSTATUSCODES")
        reply = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        await self.push("\r\n".join(reply))

    async def _check_greeting(self, hostname: str | None) -> bool:
        if not self._has_room:
            await self.push("421 4.3.2 too many connections, try again later")
            self._close()
            return False
        # The name is kept beside the letter; no database keeps a NUL.
        if not hostname or not hostname.isprintable() or len(hostname) > _LONGEST_NAME:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return False
        self._idle_words += 1
        return True

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        # aiosmtpd would begin a second handshake inside the first (RFC 3207 §4.2).
        if self._tls_protocol is not None:
            await self.push("503 5.5.1 TLS is active already")
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802
        # RFC 5321 §4.1.4: it begins anew, as EHLO does.
        if not await self._check_greeting(hostname):
            return
        self._proved.reset()
        await super().smtp_HELO(hostname)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        self._idle_words += 1
        self._proved.reset()
        await super().smtp_RSET(arg)

    async def smtp_NOOP(self, arg: str) -> None:  # noqa: N802
        self._idle_words += 1
        await super().smtp_NOOP(arg)

    async def _read(self, size: int, intake: Intake) -> bytes:
        piece = await self._reader.read(size)
        if not piece:
            raise ConnectionResetError("the peer left in the middle of a message")
        self._reset_timeout()
        if intake.is_too_slow():
            raise ConnectionResetError("the peer is too slow")
        return piece

    async def _skip(self, size: int) -> None:
        """Bytes of a chunk that has no place here (RFC 3030 §2)."""
        nowhere = Intake()
        while size:
            size -= len(await self._read(min(size, CHUNK), nowhere))

    def _put_back(self, pipelined: bytes) -> None:
        """What came after the final dot is the next command: asyncio has no public way to unread
        it.
        """
        self._reader._buffer[:0] = pipelined  # type: ignore[attr-defined]  # noqa: SLF001

    def _certificate(self) -> bytes | None:
        ssl_object = (self._here().ssl or {}).get("ssl_object")
        return ssl_object.getpeercert(binary_form=True) if ssl_object else None

    def _close(self) -> None:
        self._writer.close()
        self.transport = None  # Ends aiosmtpd's loop.

    # Methods, not properties: aiosmtpd looks at every attribute before there is a connection.

    def _here(self) -> Session:
        if self.session is None:
            raise ConnectionResetError("no session")
        return self.session

    def _letter(self) -> Envelope:
        if self.envelope is None:
            raise ConnectionResetError("no envelope")
        return self.envelope

    def _tls_version(self) -> str:
        ssl_object = (self._here().ssl or {}).get("ssl_object")
        return (ssl_object.version() or "") if ssl_object else ""
