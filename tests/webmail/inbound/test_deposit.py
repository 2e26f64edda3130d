"""Into one box, once: rows, blobs, counters and conversation; nothing half done."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import (
    HealthCheck,
    example,
    given,
    settings as hypothesis_settings,
    strategies as st,
)

from accounts.audit.models import AuditEvent
from tests.factories.letters import MARTIN, PETIT, make_letter, receive
from tests.factories.people import make_mailbox
from webmail.inbound import deposit as room
from webmail.mailbox.reading import (
    author_of,
    content_of,
    file_name,
    read_message,
    snippet_of,
    source_of,
    subject_of,
)
from webmail.models import Blob, FolderRole, Mailbox, Message

pytestmark = pytest.mark.django_db


def references(mailbox):
    return sorted(Blob.objects.filter(mailbox=mailbox).values_list("content_hash", "references"))


def with_ids(message_id, **headers):
    return make_letter(message_id=f"{message_id}@x.example", **headers)


def test_letter_is_kept_whole_and_read_in_its_parts(martin_box):
    raw = make_letter(
        sender=f"Dr Hugo Petit <{PETIT}>",
        subject="Hospitalisation de Mme Durand",
        html="<p>Bonjour</p>",
        files=[("compte rendu.pdf", "application/pdf", b"%PDF-1.4"), ("b.txt", "text/plain", b"b")],
    )
    message = receive(martin_box, raw)
    source = source_of(message)
    assert source.endswith(raw)
    trace = source.removesuffix(raw)
    assert trace.startswith(f"Return-Path: <{PETIT}>\r\nReceived: from ".encode())
    assert b"ESMTPS" in trace
    assert subject_of(message) == "Hospitalisation de Mme Durand"
    assert author_of(message).name == "Dr Hugo Petit"
    assert snippet_of(message).startswith("Bonjour")
    assert "<p>Bonjour</p>" in read_message(message).html
    files = list(message.attachments.all())
    assert [file_name(one) for one in files] == ["compte rendu.pdf", "b.txt"]
    assert content_of(files[0]) == b"%PDF-1.4"
    assert message.folder.role == FolderRole.INBOX
    assert (message.peer, message.from_address) == ("cabinet-tilleuls.mssante.example", PETIT)
    assert message.size == len(raw)


def test_counters_of_the_box_are_right(martin_box):
    before = martin_box.modseq
    message = receive(
        martin_box, make_letter(files=[("a.bin", "application/octet-stream", b"x" * 5000)])
    )
    martin_box.refresh_from_db()
    blobs = [message.source, message.reading, *(a.blob for a in message.attachments.all())]
    assert martin_box.used_bytes == sum(blob.size for blob in blobs)
    assert martin_box.unread == 1
    assert martin_box.modseq == before + 1
    event = AuditEvent.objects.get(event="mailbox:message:deposited")
    assert (event.mailbox_id, event.message_id) == (martin_box.pk, message.pk)


def test_second_copy_adds_nothing_at_all(martin_box):
    raw = make_letter(files=[("a.bin", "application/octet-stream", b"x")])
    first = receive(martin_box, raw)
    martin_box.refresh_from_db()
    before = references(martin_box), martin_box.used_bytes, martin_box.modseq
    assert receive(martin_box, raw) == first
    martin_box.refresh_from_db()
    assert (references(martin_box), martin_box.used_bytes, martin_box.modseq) == before
    assert AuditEvent.objects.filter(event="mailbox:message:deposited").count() == 1


def test_what_makes_another_letter_is_kept_as_another(martin_box):
    receive(martin_box, with_ids("1"))
    receive(martin_box, with_ids("2"))
    receive(martin_box, with_ids("1", text="Autre texte."))
    receive(martin_box, with_ids("1"), envelope_from="x@autre.mssante.example")
    assert Message.objects.count() == 4


def test_letter_without_identifier_is_kept_once(martin_box):
    raw = b"From: a@b.example\r\n\r\ncorps\r\n"
    assert receive(martin_box, raw) == receive(martin_box, raw)


def test_loser_of_a_race_finds_the_winner_s_letter_and_leaves_no_count(martin_box, monkeypatch):
    first = receive(martin_box)
    before = references(martin_box)
    find, blind = room._find, [True]

    def too_early(*args):
        return {} if blind and blind.pop() else find(*args)

    monkeypatch.setattr(room, "_find", too_early)
    assert receive(martin_box) == first
    assert not blind
    assert references(martin_box) == before


@pytest.mark.parametrize("error", [DatabaseError, IntegrityError])
def test_deposit_that_fails_leaves_no_row_and_no_counted_blob(martin_box, monkeypatch, error):
    def fails(*_args, **_kwargs):
        raise error("no")

    monkeypatch.setattr(room, "record_events", fails)
    with pytest.raises(error):
        receive(martin_box)
    assert not Message.objects.exists()
    assert not Blob.objects.exists()
    martin_box.refresh_from_db()
    assert (martin_box.unread, martin_box.used_bytes) == (0, 0)
    monkeypatch.undo()
    receive(martin_box)
    assert {count for _hash, count in references(martin_box)} == {1}


def test_reply_joins_the_conversation_by_its_references(martin_box):
    first = receive(martin_box, with_ids("1"))
    other = receive(martin_box, with_ids("2"))
    by_reply = receive(martin_box, with_ids("3", In_Reply_To="<1@x.example>"))
    by_references = receive(
        martin_box, with_ids("4", References="<inconnu@x.example> <3@x.example>")
    )
    assert by_reply.thread == by_references.thread == first.thread
    assert other.thread != first.thread


def test_same_subject_makes_no_conversation(martin_box):
    first = receive(martin_box, with_ids("1", subject="Avis"))
    assert receive(martin_box, with_ids("2", subject="Re: Avis")).thread != first.thread


def test_reference_to_a_letter_of_another_box_joins_nothing(martin_box, dr_petit):
    other = make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)
    theirs = receive(other, with_ids("1"))
    forged = receive(martin_box, with_ids("2", References="<1@x.example>"))
    assert forged.thread != theirs.thread
    assert forged.thread.mailbox == martin_box


def test_thousands_of_references_are_no_trouble(martin_box):
    flood = "\r\n ".join(f"<{n}@x.example>" for n in range(5000))
    raw = f"From: {PETIT}\r\nReferences: {flood}\r\n\r\ncorps\r\n".encode()
    assert receive(martin_box, raw).thread.mailbox == martin_box


def test_letter_from_our_own_house_has_no_peer(martin_box):
    message = receive(martin_box, make_letter(sender=MARTIN), envelope_from=MARTIN)
    assert message.peer == "ch-valbrune.mssante.example"


def test_patient_s_address_is_nowhere_in_the_clear(martin_box, settings):
    (domain,) = settings.PATIENT_DOMAINS
    address = f"290027512345678@{domain}"
    message = receive(martin_box, make_letter(sender=address, cc=address), envelope_from=address)
    assert message.from_address == f"***@{domain}"
    assert {one.address for one in message.recipients.all()} == {MARTIN, f"***@{domain}"}
    assert author_of(message).address == address


hostile_letters = st.binary(max_size=400) | st.lists(
    st.sampled_from(
        [
            b"From: ",
            b"Subject: ",
            b"Message-ID: ",
            b"References: ",
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"Content-Type: ",
            b"text/html\r\n",
            b"\r\n",
            b"--b\r\n",
            b"\x00",
            b"\xed\xa0\x80",
            b"=?utf-8?q?=00=ED=A0=80?=",
            b"<" + b"i" * 890 + b"@x>",
            b"a@b.example",
            b"filename*=utf-8''%00%ff",
        ]
    ),
    max_size=30,
).map(b"".join)


@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(hostile_letters)
@example(b"")
@example(b"Message-ID: " + b"<" * 2000)
@example(b"Content-Type: " + b"a" * 500 + b"/" + b"b" * 500 + b"\r\n\r\nx")
@example(b"From: " + b"a" * 64 + b"@" + b"b" * 253 + b"\r\n\r\nx")
def test_any_bytes_are_deposited_and_readable(martin_box, raw):
    message = receive(martin_box, raw)
    message.full_clean(exclude=["sealed_from", "sealed_subject", "sealed_snippet", "sealed_draft"])
    for attachment in message.attachments.all():
        assert content_of(attachment) is not None
        assert "\x00" not in attachment.content_type
    assert source_of(message).endswith(raw)
    assert read_message(message) is not None
    assert "\x00" not in message.rfc_message_id + message.in_reply_to + message.references
    assert "\x00" not in message.from_address


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_deposit_one_letter(martin_box):
    raw = make_letter(files=[("a.bin", "application/octet-stream", b"x" * 2000)])
    barrier, found, errors = threading.Barrier(2), [], []

    def work():
        try:
            mailbox = Mailbox.objects.get(pk=martin_box.pk)
            barrier.wait(10)
            found.append(receive(mailbox, raw).pk)
        except BaseException as error:  # noqa: BLE001  (Told to the test by its list.)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert errors == []
    assert found == [Message.objects.get().pk] * 2
    assert {count for _hash, count in references(martin_box)} == {1}
    martin_box.refresh_from_db()
    assert martin_box.unread == 1


def test_caller_s_transaction_takes_the_deposit_back(martin_box):
    with transaction.atomic():
        receive(martin_box)
        transaction.set_rollback(True)
    assert not Message.objects.exists()
    assert not Blob.objects.exists()
