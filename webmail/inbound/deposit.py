"""Puts received messages into mailboxes, each once: contents are encrypted first, then every row of
all of them is written in one transaction.

A second run, or a copy the peer sent again, finds the first deposit by (mailbox, peer, Message-ID,
digest) and adds nothing. It knows parsed values; it does not know how they came.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.audit.events import Event
from accounts.audit.record import Entry, record_events
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import Cited, StoredPart, find_threads, inboxes_of, parts_of, people_of
from webmail.mailbox.reading import make_reading, text_of
from webmail.mime.addresses import domain_of
from webmail.mime.compose import received_header
from webmail.mime.quoting import snippet
from webmail.mime.sanitize import RULES_VERSION
from webmail.mime.types import Address, ParsedMessage
from webmail.models import (
    Attachment,
    Folder,
    Mailbox,
    Message,
    MessageState,
    Recipient,
    RecipientKind,
    Thread,
)
from webmail.store.blobs import PreparedBlob, discard_blob, keep_blob, prepare_blob
from webmail.store.sealed import content_hash, plain_address, seal_person, seal_text

Key = tuple[int, str, str, str]  # Mailbox, peer, Message-ID, digest.
_NULL_PEER = "<>"  # From outside, by a machine: no letter of our own house is the same one.


@dataclass(frozen=True)  # No slots: what is derived is kept beside.
class Arrival:
    """One message as it came through the gate, parsed once for all its mailboxes."""

    raw: bytes  # As the peer sent it, before our own trace headers.
    parsed: ParsedMessage
    received_at: datetime
    envelope_from: str
    peer_host: str
    peer_name: str
    tls_version: str
    is_local: bool
    spool_id: int
    peer_dn: str = ""  # Of the certificate that brought it; empty from our own house.

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(self.raw).digest()

    @cached_property
    def reading(self) -> bytes:
        """What pages show of it, made once for all its mailboxes."""
        return make_reading(self.parsed).to_bytes()


@dataclass(frozen=True, slots=True)
class Copy:
    """One message for one mailbox."""

    mailbox: Mailbox
    arrival: Arrival

    def key(self) -> Key:
        """By what a second copy is recognised."""
        digest = content_hash(self.mailbox, self.arrival.digest)
        return self.mailbox.pk, _peer(self.arrival), self.arrival.parsed.message_id, digest


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is encrypted, and on disk where it is large, before the rows are written."""

    copy: Copy
    digest: str
    source: PreparedBlob
    reading: PreparedBlob
    parts: tuple[PreparedBlob, ...]

    def blobs(self) -> list[PreparedBlob]:
        return [self.source, self.reading, *self.parts]


@dataclass(frozen=True, slots=True)
class Batch:
    """Copies on their way in: those that lie there already, and those that are ready to be
    written.
    """

    keys: tuple[Key, ...]
    there: dict[Key, Message]
    ready: dict[Key, _Prepared]


def deposit_message(mailbox: Mailbox, arrival: Arrival) -> Message:
    """The message as it lies in ``mailbox``: newly deposited, or left there by an earlier run."""
    copies = [Copy(mailbox, arrival)]
    try:
        return _deposit(copies)
    except IntegrityError:
        # Another worker deposited the same message between our look and our insert.
        return _deposit(copies)


def _deposit(copies: Sequence[Copy]) -> Message:
    batch = prepare_copies(copies)
    try:
        with transaction.atomic():
            return write_copies(batch)[0]
    except BaseException:
        discard_copies(batch)
        raise


def prepare_copies(copies: Sequence[Copy]) -> Batch:
    """Look for earlier deposits and encrypt the others: slow work, done before the caller opens
    its transaction.
    """
    keys = tuple(copy.key() for copy in copies)
    there = _find(keys)
    ready: dict[Key, _Prepared] = {}
    batch = Batch(keys, there, ready)
    try:
        for key, copy in zip(keys, copies, strict=True):
            if key not in there and key not in ready:
                ready[key] = _prepare(copy, digest=key[-1])
    except BaseException:
        discard_copies(batch)
        raise
    return batch


def write_copies(batch: Batch) -> list[Message]:
    """Each copy as it lies in its mailbox, in the order given. Part of the caller's transaction.

    Raises ``IntegrityError`` when another worker deposited one of them meanwhile: prepared once
    more, it is found.
    """
    written = dict(zip(batch.ready, _write(list(batch.ready.values())), strict=True))
    return [written.get(key) or batch.there[key] for key in batch.keys]


def discard_copies(batch: Batch) -> None:
    """The caller's transaction failed: nothing of ours stays behind."""
    for one in batch.ready.values():
        for blob in one.blobs():
            discard_blob(blob)


def _find(keys: Sequence[Key]) -> dict[Key, Message]:
    found = Message.objects.filter(
        state=MessageState.RECEIVED,
        mailbox__in={key[0] for key in keys},
        rfc_message_id__in={key[2] for key in keys},
        digest__in={key[3] for key in keys},
    )
    return {(one.mailbox_id, one.peer, one.rfc_message_id, one.digest): one for one in found}


def _peer(arrival: Arrival) -> str:
    return "" if arrival.is_local else domain_of(arrival.envelope_from)[:255] or _NULL_PEER


def _prepare(copy: Copy, *, digest: str) -> _Prepared:
    mailbox, arrival = copy.mailbox, copy.arrival
    return _Prepared(
        copy=copy,
        digest=digest,
        source=prepare_blob(mailbox, _trace(mailbox, arrival), arrival.raw),
        reading=prepare_blob(mailbox, arrival.reading),
        parts=tuple(prepare_blob(mailbox, part.content) for part in arrival.parsed.attachments),
    )


def _trace(mailbox: Mailbox, arrival: Arrival) -> bytes:
    """Return-Path and Received, as the final host of a message writes them (RFC 5321 §4.4)."""
    # A patient's address is masked in the row; the bytes below lie encrypted, but the envelope is
    # no longer known in full.
    path = f"Return-Path: <{arrival.envelope_from}>\r\n".encode("ascii", "replace")
    return path + received_header(
        from_name=arrival.peer_name or settings.SMTP_EHLO_NAME,
        peer=arrival.peer_host or "localhost",
        by=settings.SMTP_EHLO_NAME,
        protocol="ESMTPS" if arrival.tls_version else "LOCAL",
        spool_id=f"{arrival.spool_id}.{mailbox.pk}",
        at=arrival.received_at,
    )


def _write(prepared: Sequence[_Prepared]) -> list[Message]:
    """Every row of every copy, a statement for each table."""
    if not prepared:
        return []
    mailboxes = {one.copy.mailbox.pk for one in prepared}
    inboxes = inboxes_of(mailboxes)
    threads = find_threads([_cited(one.copy) for one in prepared])
    rows = [
        _row(one, inboxes[one.copy.mailbox.pk], thread)
        for one, thread in zip(prepared, threads, strict=True)
    ]
    messages = Message.objects.bulk_create(rows)
    pairs = list(zip(messages, prepared, strict=True))
    Recipient.objects.bulk_create(person for pair in pairs for person in _people(*pair))
    Attachment.objects.bulk_create(part for pair in pairs for part in _parts(*pair))
    for mailbox_id in sorted(mailboxes):  # Always in one order: two workers wait, and never lock.
        _count(mailbox_id, prepared)
    record_events(
        Entry(
            Event.MAILBOX_MESSAGE_DEPOSITED,
            mailbox_id=one.copy.mailbox.pk,
            message_id=message.pk,
            detail={"spool": one.copy.arrival.spool_id},
        )
        for message, one in pairs
    )
    return messages


def _cited(copy: Copy) -> Cited:
    parsed = copy.arrival.parsed
    message_ids = (parsed.in_reply_to, *reversed(parsed.references))
    return Cited(copy.mailbox, parsed.message_id, message_ids)


def _row(one: _Prepared, folder: Folder, thread: Thread) -> Message:
    mailbox, arrival = one.copy.mailbox, one.copy.arrival
    parsed = arrival.parsed
    author = parsed.from_[0] if parsed.from_ else Address("", arrival.envelope_from)
    return Message(
        mailbox=mailbox,
        folder=folder,
        thread=thread,
        state=MessageState.RECEIVED,
        rfc_message_id=parsed.message_id,
        in_reply_to=parsed.in_reply_to,
        references=" ".join(parsed.references),
        date=parsed.date,
        at=arrival.received_at,
        from_address=plain_address(author.address)[:320],
        peer=_peer(arrival),
        digest=one.digest,
        size=len(arrival.raw),
        attachment_count=sum(not part.inline for part in parsed.attachments),
        sealed_from=seal_person(mailbox, author),
        sealed_subject=seal_text(mailbox, "subject", parsed.subject),
        sealed_snippet=seal_text(mailbox, "snippet", snippet(text_of(parsed))),
        source=keep_blob(one.source),
        reading=keep_blob(one.reading),
        reading_version=RULES_VERSION,
    )


def _people(message: Message, one: _Prepared) -> list[Recipient]:
    parsed = one.copy.arrival.parsed
    to = people_of(message, RecipientKind.TO, parsed.to)
    return to + people_of(message, RecipientKind.CC, parsed.cc, first=len(to))


def _parts(message: Message, one: _Prepared) -> list[Attachment]:
    parts = zip(one.copy.arrival.parsed.attachments, one.parts, strict=True)
    return parts_of(
        message,
        [
            StoredPart(part.name, part.declared_type, part.size, part.inline, keep_blob(blob))
            for part, blob in parts
        ],
    )


def _count(mailbox_id: int, prepared: Sequence[_Prepared]) -> None:
    ours = [one for one in prepared if one.copy.mailbox.pk == mailbox_id]
    used = sum(blob.size for one in ours for blob in one.blobs())
    note_change(mailbox_id, unread=len(ours), used_bytes=used)
