"""One conversation with a peer that hands us mail. aiosmtpd's protocol engine, our own DATA reader,
one hook per command.

It knows SMTP replies and TLS; what is allowed is asked of ``gate``, what is received goes to
``spool``. It knows no page.
"""

import asyncio
import logging
import re
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from directory.trust.tls import server_context
from webmail.inbound import gate
from webmail.inbound.datascan import DataScanner
from webmail.inbound.files import SpoolFile
from webmail.inbound.gate import NULL_SENDER, Peer, RefusedError, Reply
from webmail.inbound.paths import parse_path
from webmail.inbound.session import PeerSession
from webmail.inbound.spool import Origin, SpoolRecipient, commit_to_spool
from webmail.mime.addresses import domain_of

logger = logging.getLogger(__name__)
T = TypeVar("T")

_CHUNK: Final = 64 * 1024
_LEAST_BYTES_A_SECOND: Final = 1000
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
_CANNOT_TELL: Final = Reply(451, "4.3.0", "temporary failure here, try again later", "internal")
_DISK: Final = Reply(452, "4.3.1", "no room here at the moment, try again later", "disk")


class TrustSpaceSMTP(SMTP):
    """aiosmtpd with the trust space's rules: TLS and a certificate first, our parsing of paths, our
    reading of DATA.
    """

    # The stream's limit, so that DATA is read in large pieces; a command is still held to 512 bytes
    # and its parameters.
    line_length_limit = _CHUNK

    def __init__(
        self,
        *,
        on_certificate: Callable[["TrustSpaceSMTP"], bool],
        on_close: Callable[["TrustSpaceSMTP"], None],
    ) -> None:
        """``on_certificate`` is told of a certificate once, and says whether there is room."""
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
        self._on_certificate = on_certificate
        self._on_close = on_close
        self._has_room = True
        self._proved = PeerSession()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._proved = PeerSession()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._on_close(self)

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
        await super().push(text)

    def handle_STARTTLS(  # noqa: N802  (aiosmtpd's name for the hook.)
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> bool:
        # Whoever comes without a certificate is told why at MAIL, in words; nothing else is open to
        # them, and they stay strangers. One that did not hold ended the handshake.
        if self._certificate() is not None:
            self._timeout_duration = settings.SMTP_IDLE_SECONDS
            self._has_room = self._on_certificate(self)
        return True

    async def handle_exception(self, error: Exception) -> str:
        """Anything unforeseen is our fault and temporary: nothing was promised, the peer comes
        back.
        """
        if isinstance(error, ssl.SSLError | ConnectionError) or error.__cause__ is not None:
            logger.warning(
                "event=smtp_tls_failed error=%s", type(error.__cause__ or error).__name__
            )
        else:
            logger.error("event=smtp_failed error=%s", type(error).__name__)
        return str(_CANNOT_TELL)

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        if not hostname:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return
        if not self._has_room:
            await self.push("421 4.3.2 too many connections, try again later")
            self._writer.close()
            return
        self._set_rset_state()  # type: ignore[no-untyped-call]
        self._proved.reset()
        self._here().extended_smtp = True
        self._here().host_name = hostname
        self.command_size_limits["MAIL"] = 1024
        self.command_size_limits["RCPT"] = 1024
        lines = [self.hostname, f"SIZE {settings.MESSAGE_SIZE_LIMIT_IN}", "8BITMIME"]
        if self._tls_protocol is None:
            lines.append("STARTTLS")
        lines.append("ENHANCEDSTATUSCODES")
        for line in lines[:-1]:
            await super().push(f"250-{line}")
        await super().push(f"250 {lines[-1]}")

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        # aiosmtpd would begin a second handshake inside the first (RFC 3207 §4.2).
        if self._tls_protocol is not None:
            await self.push("503 5.5.1 TLS is active already")
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802
        # RFC 5321 §4.1.4: it begins anew, as EHLO does.
        self._proved.reset()
        await super().smtp_HELO(hostname)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        self._proved.reset()
        await super().smtp_RSET(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if await self.check_helo_needed():
            return
        parsed = parse_path(arg, "FROM")
        if parsed is None:
            await self.push("501 5.5.4 Syntax: MAIL FROM:<address>")
            return
        path, params = parsed
        if self._proved.sender is not None:
            await self.push("503 5.5.1 nested MAIL command")
            return
        size = params.pop("SIZE", "0")
        body = params.pop("BODY", "7BIT")
        if params or not size.isdigit() or body.upper() not in {"7BIT", "8BITMIME"}:
            await self.push("555 5.5.4 MAIL FROM parameters not recognized or not implemented")
            return
        try:
            await self._check_peer()
            await _in_thread(gate.check_sender, self._known_peer(), path, int(size))
        except RefusedError as refused:
            await self._refuse(refused.reply, domain_of(path))
            return
        self._proved.sender, self._proved.size = path, int(size)
        self._letter().mail_from = path or "<>"
        await self.push("250 2.1.0 sender ok")

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if self._proved.sender is None:
            await self.push("503 5.5.1 need MAIL command")
            return
        parsed = parse_path(arg, "TO")
        if parsed is None or not parsed[0]:
            await self.push("501 5.5.4 Syntax: RCPT TO:<address>")
            return
        path, params = parsed
        if params:
            await self.push("555 5.5.4 RCPT TO parameters not recognized or not implemented")
            return
        known = self._proved.mailboxes
        try:
            mailbox = await _in_thread(
                gate.check_recipient, path, size=self._proved.size, known=len(known)
            )
        except RefusedError as refused:
            await self._refuse(refused.reply, domain_of(self._proved.sender))
            return
        known[mailbox.pk] = mailbox
        self._letter().rcpt_tos.append(path)
        await self.push("250 2.1.5 recipient ok")

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if self._proved.sender is None or not self._proved.mailboxes:
            await self.push("503 5.5.1 need RCPT command")
            return
        try:
            file = await _in_thread(SpoolFile)
        except OSError:
            await self._refuse(_DISK, domain_of(self._proved.sender))
            return
        # Until the file is handed to the spool it is ours to remove; after that a cancelled
        # conversation must not touch it.
        is_handed_over = False
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            refusal, head = await self._receive(file)
            if refusal is None:
                refusal = await self._check_author(head)
            is_handed_over = refusal is None
        finally:
            if not is_handed_over:
                file.discard()
        if refusal is None:
            refusal = await self._keep(file)
        sender = self._proved.sender
        self._proved.reset()
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        if refusal is None:
            await self.push("250 2.0.0 message is ours now")
            return
        await self._refuse(refusal, domain_of(sender))
        if refusal.reason == "bare_line_end":
            self._writer.close()
            # Ends aiosmtpd's loop: what was pipelined may be a message that is no message, so it is
            # not even looked at.
            self.transport = None

    async def _receive(self, file: SpoolFile) -> tuple[Reply | None, bytes]:
        """Stream DATA into the spool file to its end. A refusal is kept until then: RFC 5321 §4.2.5
        wants one answer.

        Each piece has the connection's own timer, and the whole a least pace: a peer that trickles
        holds its place no longer than its letter deserves.
        """
        scanner, refusal, head = DataScanner(), None, b""
        began = time.monotonic()
        while True:
            chunk = await self._reader.read(_CHUNK)
            if not chunk:
                raise ConnectionResetError("the peer left in the middle of DATA")
            self._reset_timeout()
            allowed = settings.SMTP_IDLE_SECONDS + scanner.size / _LEAST_BYTES_A_SECOND
            if time.monotonic() - began > allowed:
                raise ConnectionResetError("the peer is too slow")
            scanned = scanner.feed(chunk)
            if len(head) < gate.HEADER_BYTES:
                head += scanned.content[: gate.HEADER_BYTES - len(head)]
            if refusal is None:
                refusal = _write(file, scanned.content, scanner)
            if scanned.is_end:
                if scanned.rest:
                    self._put_back(scanned.rest)
                return refusal, head

    def _put_back(self, pipelined: bytes) -> None:
        """What came after the final dot is the next command: asyncio has no public way to unread
        it.
        """
        self._reader._buffer[:0] = pipelined  # type: ignore[attr-defined]  # noqa: SLF001

    async def _check_author(self, head: bytes) -> Reply | None:
        header = gate.read_header(head)
        if header is None:
            return Reply(554, "5.6.0", "header section too long", "header_too_long")
        try:
            await _in_thread(
                gate.check_author, self._known_peer(), self._proved.sender or NULL_SENDER, header
            )
        except RefusedError as refused:
            return refused.reply
        return None

    async def _keep(self, file: SpoolFile) -> Reply | None:
        """Disk and rows. ``None``: committed, a 250 may follow."""
        proved, peer = self._proved, self._known_peer()
        sender = proved.sender or NULL_SENDER
        origin = Origin(
            envelope_from=sender,
            peer_host=str((self._here().peer or ("",))[0]),
            peer_name=(self._here().host_name or "")[:255],
            peer_dn=peer.identity.dn,
            tls_version=self._tls_version(),
            whitelist_version=peer.whitelist_version,
        )
        mailboxes = list(proved.mailboxes.values())
        recipients = [SpoolRecipient(mailbox) for mailbox in mailboxes]
        try:
            await _in_thread(gate.check_room, mailboxes, file.size)
        except RefusedError as refused:
            file.discard()
            return refused.reply
        try:
            # Shielded: a peer that leaves now must not leave a file that nobody commits or removes.
            await asyncio.shield(_in_thread(commit_to_spool, file, origin, recipients))
        except OSError:
            logger.error("event=spool_write_failed")  # noqa: TRY400  (A trace may quote paths; the class is enough.)
            return _DISK
        except DatabaseError as error:
            logger.error("event=spool_commit_failed error=%s", type(error).__name__)  # noqa: TRY400
            return _CANNOT_TELL
        return None

    async def _check_peer(self) -> None:
        """Identify the certificate once per connection; the answer holds as long as the connection
        does.
        """
        if self._proved.peer is not None:
            return
        self._proved.peer = await _in_thread(gate.check_peer, self._certificate())

    def _certificate(self) -> bytes | None:
        ssl_object = (self._here().ssl or {}).get("ssl_object")
        return ssl_object.getpeercert(binary_form=True) if ssl_object else None

    async def _refuse(self, reply: Reply, domain: str) -> None:
        peer = self._proved.peer
        await _in_thread(
            gate.note_refusal, reply, peer_dn=peer.identity.dn if peer else "", domain=domain
        )
        await self.push(str(reply))

    # Methods, not properties: aiosmtpd looks at every attribute before there is a connection.

    def _known_peer(self) -> Peer:
        if self._proved.peer is None:
            raise RuntimeError("no certificate was checked")
        return self._proved.peer

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


def _write(file: SpoolFile, content: bytes, scanner: DataScanner) -> Reply | None:
    if scanner.has_bare_line_end:
        # RFC 5321 §2.3.8: CR and LF only together. Anything else is how one message is made to look
        # like two.
        return Reply(554, "5.6.0", "bare CR or LF in message", "bare_line_end")
    if scanner.size > settings.MESSAGE_SIZE_LIMIT_IN:
        return gate.too_big().reply
    try:
        file.write(content)
    except OSError:
        return _DISK
    return None


async def _in_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run what touches disk or database outside the event loop, and give its connection back."""

    def run() -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.to_thread(run)
