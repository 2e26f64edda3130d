"""Letters of the demonstration into rows: received, sent with what became of them, unfinished.

The verbs are those of real mail wherever they let a moment of the past in; the rest is said here.
It opens no connection, and leaves no delivery that a sweep would try.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User
from mssante.demo.letters import LETTERS
from mssante.demo.letters.letter import DraftLetter, moment_of, prose
from mssante.demo.operators import OPERATORS
from mssante.demo.papers import file_of
from mssante.demo.people import address_book
from mssante.demo.written import Written, day_in_words, identifier_of
from webmail import tracking
from webmail.inbound.deposit import Arrival, deposit_message
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import (
    StoredPart,
    add_parts,
    add_people,
    find_thread,
    folder_of,
    mark_seen,
)
from webmail.mailbox.reading import reading_of_text
from webmail.mime.addresses import domain_of
from webmail.mime.parse import parse_message
from webmail.mime.quoting import snippet
from webmail.mime.reports import compose_report
from webmail.mime.sanitize import RULES_VERSION
from webmail.mime.types import Address, DeliveryStatus, OutgoingAttachment
from webmail.models import (
    Delivery,
    FolderRole,
    Mailbox,
    Message,
    MessageState,
    Recipient,
    RecipientKind,
)
from webmail.outbound.drafts import DraftText, UploadedPart, attach_files, create_draft
from webmail.outbound.reasons import cure_of, sentence_of
from webmail.store.blobs import write_blob
from webmail.store.sealed import seal_person, seal_text
from webmail.tracking import Outcome

_ON_THE_WAY = timedelta(seconds=21)
_UNTIL_READ = timedelta(minutes=47)
_TOKEN = "demonstration"  # noqa: S105  (The name of a lease that ends at once.)
_HOSTS = {operator.domain: operator.host for operator in OPERATORS}
_LETTERS = {letter.key: letter for letter in LETTERS}
_FULL = Outcome(
    reason="mailbox_full",
    smtp_code=552,
    enhanced_code="5.2.2",
    diagnostic="552 5.2.2 Mailbox full",
)


def receive(mailbox: Mailbox, written: Written, *, key: str, is_local: bool) -> Message:
    """The letter in the box that the letters call ``key``, unread or seen, in its folder."""
    message = _deposit(
        mailbox,
        written.raw,
        received_at=written.message.date + _ON_THE_WAY,
        envelope_from=written.author.address,
        is_local=is_local,
    )
    if key not in written.letter.unread_by:
        mark_seen(message)
    if key in written.letter.archived_by:
        archive = folder_of(mailbox, FolderRole.ARCHIVE)
        Message.objects.filter(pk=message.pk).update(folder=archive)
        note_change(mailbox.pk)
    return message


def _deposit(
    mailbox: Mailbox, raw: bytes, *, received_at: datetime, envelope_from: str, is_local: bool
) -> Message:
    host = "" if is_local else _host(domain_of(envelope_from))
    arrival = Arrival(
        raw=raw,
        parsed=parse_message(raw),
        received_at=received_at,
        envelope_from=envelope_from,
        peer_host=host,
        peer_name=host,
        tls_version="" if is_local else "TLSv1.3",
        is_local=is_local,
        spool_id=0,  # It never lay in the spool.
    )
    return deposit_message(mailbox, arrival)


def _host(domain: str) -> str:
    """The name the domain's operator presents itself with."""
    return _HOSTS.get(domain) or "mss." + domain.replace(".mssante.", ".")


def keep_sent(mailbox: Mailbox, written: Written, *, sender: User) -> Message:
    """The author's own copy, with one settled delivery for each recipient."""
    sent = written.message
    source = write_blob(mailbox, written.raw)
    reading = write_blob(mailbox, reading_of_text(sent.text).to_bytes())
    message = Message.objects.create(
        mailbox=mailbox,
        folder=folder_of(mailbox, FolderRole.SENT),
        thread=find_thread(mailbox, reversed(sent.references)),
        state=MessageState.SENT,
        author=sender,
        rfc_message_id=sent.message_id,
        in_reply_to=sent.in_reply_to,
        references=" ".join(sent.references),
        date=sent.date,
        at=sent.date,
        from_address=mailbox.address,
        size=len(written.raw),
        attachment_count=len(sent.attachments),
        is_seen=True,
        sealed_from=seal_person(mailbox, written.author),
        sealed_subject=seal_text(mailbox, "subject", sent.subject),
        sealed_snippet=seal_text(mailbox, "snippet", snippet(sent.text)),
        source=source,
        reading=reading,
        reading_version=RULES_VERSION,
    )
    files = _keep_files(message, sent.attachments)
    note_change(mailbox.pk, used_bytes=source.size + files)
    record_event(
        Event.MAILBOX_MESSAGE_SENT,
        actor=sender,
        mailbox_id=mailbox.pk,
        message_id=message.pk,
        detail={"size": len(written.raw)},
    )
    _settle_all(message, written)
    return message


def _settle_all(message: Message, written: Written) -> None:
    sent, outcome = written.message, written.letter.outcome
    add_people(message, RecipientKind.TO, sent.to)
    add_people(message, RecipientKind.CC, sent.cc, first=len(sent.to))
    for recipient in Recipient.objects.filter(message=message):
        _settle(message, recipient, outcome)
    if outcome == "mailbox_full":
        _tell_author(message.mailbox, written)


def _keep_files(message: Message, files: Sequence[OutgoingAttachment]) -> int:
    parts = [
        StoredPart(
            name=file.name,
            content_type=file.content_type,
            size=len(file.content),
            is_inline=False,
            blob=write_blob(message.mailbox, file.content),
        )
        for file in files
    ]
    add_parts(message, parts)
    return sum(part.size for part in parts)


def _settle(message: Message, recipient: Recipient, outcome: str) -> None:
    """One delivery through the states a real one passes, then dated back to the letter's day."""
    at = message.at
    delivery = Delivery.objects.create(
        message=message,
        mailbox=message.mailbox,
        recipient=recipient,
        domain=domain_of(recipient.address),
        created_at=at,
        state_at=at,
    )
    queued = Delivery.objects.filter(pk=delivery.pk)
    tracking.claim_all(queued, token=_TOKEN, until=at + _ON_THE_WAY)
    moments = {"state_at": at + _ON_THE_WAY}
    if outcome == "mailbox_full":
        tracking.fail(delivery, _FULL, token=_TOKEN)
    else:
        tracking.accept(delivery, _answer(delivery.domain), token=_TOKEN)
        moments["accepted_at"] = at + _ON_THE_WAY
    if outcome in {"delivered", "read"}:
        tracking.note_delivered(delivery)
        moments["delivered_at"] = at + _ON_THE_WAY
    if outcome == "read":
        tracking.note_read(delivery)
        moments |= {"read_at": at + _UNTIL_READ, "state_at": at + _UNTIL_READ}
    Delivery.objects.filter(pk=delivery.pk).update(**moments)


def _answer(domain: str) -> Outcome:
    """What the peer said when it took the letter."""
    return Outcome(
        smtp_code=250, enhanced_code="2.0.0", peer_host=_host(domain), tls_version="TLSv1.3"
    )


def _tell_author(mailbox: Mailbox, written: Written) -> None:
    """The notice a failed letter leaves in its author's box, read already."""
    sent = written.message
    domain = domain_of(mailbox.address)
    failed = sent.to[0].address
    raw = compose_report(
        from_=Address("Service de messagerie", f"mailer-daemon@{domain}"),
        to=written.author,
        reporting_mta=_host(domain),
        original_message_id=sent.message_id,
        original_headers=written.raw.partition(b"\r\n\r\n")[0] + b"\r\n",
        recipients=[
            DeliveryStatus(
                recipient=failed,
                action="failed",
                status=_FULL.enhanced_code,
                diagnostic=_FULL.diagnostic,
            )
        ],
        text=prose(
            f"""
            Votre message du {day_in_words(sent.date)} à {failed} n'a pas été remis.

            {sentence_of(_FULL.reason)}
            {cure_of(_FULL.reason, is_final=True)}
            """
        ),
        subject=f"Non remis : {sent.subject}",
        message_id=f"{hashlib.sha256(sent.message_id.encode()).hexdigest()[:32]}@{domain}",
        date=sent.date + _ON_THE_WAY,
    )
    at = sent.date + _ON_THE_WAY
    mark_seen(_deposit(mailbox, raw, received_at=at, envelope_from="", is_local=True))


def keep_draft(mailbox: Mailbox, draft: DraftLetter, *, writer: User, now: datetime) -> Message:
    book = address_book()
    saved_at = moment_of(0, draft.clock, now=now)
    people = [book[key] for key in draft.to]
    text = DraftText(
        to=", ".join(f"{person.name} <{person.address}>" for person in people),
        subject=draft.subject,
        body=prose(draft.text),
        in_reply_to=_answered(mailbox, draft),
    )
    message = create_draft(mailbox, writer, text)
    files = [
        UploadedPart(paper.name, *file_of(paper, date=day_in_words(saved_at)))
        for paper in draft.papers
    ]
    attach_files(message, files)
    Message.objects.filter(pk=message.pk).update(at=saved_at)
    return message


def _answered(mailbox: Mailbox, draft: DraftLetter) -> int:
    if not draft.answers:
        return 0
    identifier = identifier_of(_LETTERS[draft.answers])
    return Message.objects.get(mailbox=mailbox, rfc_message_id=identifier).pk
