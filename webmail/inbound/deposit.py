"""Puts a received message into one mailbox, once: blobs first, then every row in one transaction.

A second run, or a copy the peer sent again, finds the first deposit by (mailbox, peer, Message-ID,
digest) and adds nothing. It knows parsed values; it does not know how they came.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, transaction

from accounts.audit.events import Event
from accounts.audit.record import record_event
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import StoredPart, add_parts, add_people, find_thread, folder_of
from webmail.mailbox.reading import make_reading, text_of
from webmail.mime.addresses import domain_of
from webmail.mime.compose import received_header
from webmail.mime.quoting import snippet
from webmail.mime.sanitize import RULES_VERSION
from webmail.mime.types import Address, ParsedMessage
from webmail.models import Blob, FolderRole, Mailbox, Message, MessageState, RecipientKind
from webmail.store.blobs import release_blob, write_blob
from webmail.store.sealed import content_hash, plain_address, seal_person, seal_text

_NULL_PEER = "<>"  # From outside, by a machine: no letter of our own house is the same one.


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class _Stored:
    """What lies in blobs before the rows are written."""

    source: Blob
    reading: Blob
    parts: tuple[StoredPart, ...]

    def blobs(self) -> list[Blob]:
        return [self.source, self.reading, *(part.blob for part in self.parts)]


def deposit_message(mailbox: Mailbox, arrival: Arrival) -> Message:
    """The message as it lies in ``mailbox``: newly deposited, or left there by an earlier run."""
    digest = content_hash(mailbox, hashlib.sha256(arrival.raw).digest())
    earlier = _find(mailbox, arrival, digest)
    if earlier is not None:
        return earlier
    stored = _store(mailbox, arrival)
    try:
        with transaction.atomic():
            return _write_rows(mailbox, arrival, stored, digest)
    except DatabaseError:
        # Another worker deposited the same message between our look and our insert, or there is no
        # deposit: either way nothing of ours stays behind, counted and without a message.
        for blob in stored.blobs():
            release_blob(blob)
        earlier = _find(mailbox, arrival, digest)
        if earlier is None:
            raise
        return earlier


def _find(mailbox: Mailbox, arrival: Arrival, digest: str) -> Message | None:
    return Message.objects.filter(
        mailbox=mailbox,
        state=MessageState.RECEIVED,
        peer=_peer(arrival),
        rfc_message_id=arrival.parsed.message_id,
        digest=digest,
    ).first()


def _peer(arrival: Arrival) -> str:
    return "" if arrival.is_local else domain_of(arrival.envelope_from)[:255] or _NULL_PEER


def _store(mailbox: Mailbox, arrival: Arrival) -> _Stored:
    parts = tuple(
        StoredPart(
            name=part.name,
            content_type=part.declared_type,
            size=part.size,
            is_inline=part.inline,
            blob=write_blob(mailbox, part.content),
        )
        for part in arrival.parsed.attachments
    )
    return _Stored(
        source=write_blob(mailbox, _trace(mailbox, arrival) + arrival.raw),
        reading=write_blob(mailbox, make_reading(arrival.parsed).to_bytes()),
        parts=parts,
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


def _write_rows(mailbox: Mailbox, arrival: Arrival, stored: _Stored, digest: str) -> Message:
    parsed = arrival.parsed
    author = parsed.from_[0] if parsed.from_ else Address("", arrival.envelope_from)
    files = [part for part in stored.parts if not part.is_inline]
    used = stored.source.size + stored.reading.size + sum(part.size for part in stored.parts)
    message = Message.objects.create(
        mailbox=mailbox,
        folder=folder_of(mailbox, FolderRole.INBOX),
        thread=find_thread(mailbox, [parsed.in_reply_to, *reversed(parsed.references)]),
        state=MessageState.RECEIVED,
        rfc_message_id=parsed.message_id,
        in_reply_to=parsed.in_reply_to,
        references=" ".join(parsed.references),
        date=parsed.date,
        at=arrival.received_at,
        from_address=plain_address(author.address)[:320],
        peer=_peer(arrival),
        digest=digest,
        size=len(arrival.raw),
        attachment_count=len(files),
        sealed_from=seal_person(mailbox, author),
        sealed_subject=seal_text(mailbox, "subject", parsed.subject),
        sealed_snippet=seal_text(mailbox, "snippet", snippet(text_of(parsed))),
        source=stored.source,
        reading=stored.reading,
        reading_version=RULES_VERSION,
    )
    add_people(message, RecipientKind.TO, parsed.to)
    add_people(message, RecipientKind.CC, parsed.cc, first=len(parsed.to))
    add_parts(message, stored.parts)
    note_change(mailbox.pk, unread=1, used_bytes=used)
    record_event(
        Event.MAILBOX_MESSAGE_DEPOSITED,
        mailbox_id=mailbox.pk,
        message_id=message.pk,
        detail={"spool": arrival.spool_id},
    )
    return message
