"""What a peer says when it hands us mail: MAIL, RCPT, DATA or BDAT, one hook per command.

It knows SMTP replies; what is allowed is asked of ``gate`` and ``limits``, what is received goes
through ``intake`` to the ``committer``. It knows no TLS and no page.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.db import DatabaseError

from webmail.inbound import gate
from webmail.inbound.committer import Committer
from webmail.inbound.engine import CANNOT_TELL, CHUNK, Engine
from webmail.inbound.esmtp import read_letter_asked, read_report_asked
from webmail.inbound.files import SpoolFile
from webmail.inbound.gate import DISK, NULL_SENDER, RefusedError, Reply
from webmail.inbound.hands import Hands
from webmail.inbound.intake import Intake
from webmail.inbound.limits import PeerLimits
from webmail.inbound.paths import parse_chunk, parse_path
from webmail.inbound.spool import Handover, Origin, SpoolRecipient
from webmail.mime.addresses import domain_of

logger = logging.getLogger(__name__)

# Chunks that are too big are read to their end, so that their sender hears why; not for ever.
_MOST_SKIPPED: Final = 4


class TrustSpaceSMTP(Engine):
    """One letter after the other, each asked for, received and committed before it is answered."""

    def __init__(
        self,
        *,
        hands: Hands,
        committer: Committer,
        limits: PeerLimits,
        on_certificate: Callable[[Engine], None],
        on_close: Callable[[Engine], None],
    ) -> None:
        super().__init__(limits=limits, on_certificate=on_certificate, on_close=on_close)
        self._hands, self._committer = hands, committer
        self.is_keeping = False  # A whole message is being judged and kept: its answer is due.

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
        asked = read_letter_asked(params)
        if isinstance(asked, Reply):
            await self.push(str(asked))
            return
        try:
            await self._check_sender(path, asked.size)
        except RefusedError as refused:
            self._idle_words += 1
            await self._refuse(refused.reply, domain_of(path))
            return
        self._proved.sender, self._proved.asked = path, asked
        self._letter().mail_from = path or "<>"
        await self.push("250 2.1.0 sender ok")

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if self._proved.sender is None or self._proved.intake is not None:
            await self.push("503 5.5.1 need MAIL command")
            return
        parsed = parse_path(arg, "TO")
        if parsed is None or not parsed[0]:
            await self.push("501 5.5.4 Syntax: RCPT TO:<address>")
            return
        path, params = parsed
        asked = read_report_asked(params)
        if isinstance(asked, Reply):
            await self.push(str(asked))
            return
        known = self._proved.mailboxes
        try:
            mailbox = await self._hands.run(
                gate.check_recipient, path, size=self._proved.size, known=len(known)
            )
        except RefusedError as refused:
            await self._refuse(refused.reply, domain_of(self._proved.sender))
            return
        known[mailbox.pk] = mailbox
        self._proved.reports[mailbox.pk] = asked
        self._letter().rcpt_tos.append(path)
        await self.push("250 2.1.5 recipient ok")

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if not self._has_recipients() or self._proved.intake is not None:
            await self.push("503 5.5.1 need RCPT command")
            return
        intake = self._proved.intake = Intake()
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        rest = None
        while rest is None:
            rest = intake.take_data(await self._read(CHUNK, intake))
        if rest:
            self._put_back(rest)
        refusal = await self._finish(intake)
        if refusal is not None and refusal.reason == "bare_line_end":
            # What was pipelined may be a message that is no message: it is not even looked at.
            self._close()

    async def smtp_BDAT(self, arg: str | None) -> None:  # noqa: N802
        """RFC 3030 §2: so many bytes follow, whatever we think of them."""
        size, is_last = parse_chunk(arg)
        if size is None:
            # Where the next command begins is unknown.
            await self.push("501 5.5.4 Syntax: BDAT size [LAST]")
            self._close()
            return
        if size > _MOST_SKIPPED * settings.MESSAGE_SIZE_LIMIT_IN:
            await self.push(str(gate.too_big().reply))
            self._close()
            return
        if not self._has_recipients():
            await self._skip(size)
            await self.push("503 5.5.1 need RCPT command")
            return
        if not size:
            self._idle_words += 1
        try:
            intake = await self._take_chunk(size)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001  (Half a chunk is unread: no byte of it may pass for a command.)
            await self.push(await self.handle_exception(error))
            self._close()
            return
        if is_last:
            intake.end_chunks()
            await self._finish(intake)
        elif intake.refusal is not None:
            reply, sender = intake.refusal, self._proved.sender or NULL_SENDER
            self._end_letter()
            await self._refuse(reply, domain_of(sender))
        else:
            await self.push("250 2.0.0 chunk received")

    async def _take_chunk(self, size: int) -> Intake:
        intake = self._proved.intake = self._proved.intake or Intake()
        if intake.size + size > settings.MESSAGE_SIZE_LIMIT_IN:
            intake.refusal = intake.refusal or gate.too_big().reply
        while size:
            piece = await self._read(min(size, CHUNK), intake)
            intake.take_chunk(piece)
            size -= len(piece)
        return intake

    def _has_recipients(self) -> bool:
        return self._proved.sender is not None and bool(self._proved.mailboxes)

    async def _finish(self, intake: Intake) -> Reply | None:
        """The message is in: judge it, keep it, and only then say 250."""
        sender = self._proved.sender or NULL_SENDER
        self.is_keeping = True
        try:
            refusal = intake.refusal or await self._check_author(intake.head)
            if refusal is None:
                refusal = await self._keep(intake.file)
        finally:
            # Whatever happened, this letter is over: the next MAIL begins another.
            self.is_keeping = False
            self._end_letter()
        if refusal is None:
            self._idle_words = 0
            await self.push("250 2.0.0 message is ours now")
        else:
            await self._refuse(refusal, domain_of(sender))
        return refusal

    def _end_letter(self) -> None:
        self._proved.reset()
        self._set_post_data_state()  # type: ignore[no-untyped-call]

    async def _check_sender(self, path: str, size: int) -> None:
        """Identify the certificate, and what it may speak for, once in a while; then only count."""
        proved = self._proved
        peer = proved.peer
        if peer is None:
            peer = await self._hands.run(gate.check_peer, self._certificate())
            proved.prove(peer)
        self._limits.count_letter(self._key)
        domain = domain_of(path)
        if path != NULL_SENDER and not proved.may_speak_for(domain):
            await self._hands.run(gate.check_sender, peer, path)
            proved.note_domain(domain)
        gate.check_size(size)
        gate.check_disk()

    async def _check_author(self, head: bytes) -> Reply | None:
        proved, header = self._proved, gate.read_header(head)
        if header is None:
            return Reply(554, "5.6.0", "header section too long", "header_too_long")
        sender = proved.sender or NULL_SENDER
        if header.authors and all(domain_of(one) == domain_of(sender) for one in header.authors):
            return None  # The list was asked for it at MAIL.
        try:
            await self._hands.run(gate.check_author, proved.known_peer, sender, header)
        except RefusedError as refused:
            return refused.reply
        return None

    async def _keep(self, file: SpoolFile) -> Reply | None:
        """Disk and rows. ``None``: committed, a 250 may follow."""
        proved = self._proved
        mailboxes = list(proved.mailboxes.values())
        try:
            if file.size > proved.size:  # More than it announced, which is what RCPT went by.
                await self._hands.run(gate.check_room, mailboxes, file.size)
        except RefusedError as refused:
            return refused.reply
        recipients = [
            SpoolRecipient(
                mailbox, asked=proved.reports[mailbox.pk], envelope_id=proved.asked.envelope_id
            )
            for mailbox in mailboxes
        ]
        handover = Handover(file, self._origin(), recipients)
        # From here on the file is the committer's: a peer that leaves now must not take it away.
        proved.intake = None
        try:
            if file.size > settings.INLINE_BYTES:
                done = await self._hands.finish(self._committer.receive, handover)
            else:
                done = self._committer.hand_over(handover)
            await asyncio.shield(asyncio.wrap_future(done))
        except OSError:
            logger.error("event=spool_write_failed")  # noqa: TRY400  (A trace may quote paths.)
            return DISK
        except DatabaseError as error:
            logger.error("event=spool_commit_failed error=%s", type(error).__name__)  # noqa: TRY400
            return CANNOT_TELL
        return None

    def _origin(self) -> Origin:
        peer = self._proved.known_peer
        return Origin(
            envelope_from=self._proved.sender or NULL_SENDER,
            peer_host=str((self._here().peer or ("",))[0]),
            peer_name=(self._here().host_name or "")[:255],
            peer_dn=peer.identity.dn,
            tls_version=self._tls_version(),
            whitelist_version=peer.whitelist_version,
        )

    async def _refuse(self, reply: Reply, domain: str) -> None:
        peer = self._proved.peer
        try:
            await self._hands.run(
                gate.note_refusal, reply, peer_dn=peer.identity.dn if peer else "", domain=domain
            )
        except DatabaseError as error:
            # Where nothing can be written, a no for good would leave no trace: then it is for now.
            logger.error("event=trail_failed error=%s", type(error).__name__)  # noqa: TRY400
            if reply.code >= 500:  # noqa: PLR2004
                reply = CANNOT_TELL
        await self.push(str(reply))
        if reply.code == 421:  # noqa: PLR2004  (RFC 5321 §3.8.)
            self._close()
