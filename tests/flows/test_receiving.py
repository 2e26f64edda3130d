"""From a peer's connection to a letter in a box: the whole incoming road, over a real socket."""

import smtplib
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.factories.people import make_mailbox
from tests.flows.inbound import process_all, spool_files
from webmail.inbound.files import read_spooled
from webmail.inbound.smtpd import TrustSpaceSMTP
from webmail.mailbox.reading import content_of, file_name, read_message, source_of, subject_of
from webmail.models import Blob, InboundMessage, Message, SpoolState

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_letter_from_a_peer_lies_in_the_inbox(martin_box, practice):
    raw = make_letter(files=[("compte rendu été.pdf", "application/pdf", b"%PDF-1.4 contenu")])
    practice.sendmail(PETIT, [MARTIN], raw)
    inbound = InboundMessage.objects.get()
    assert inbound.state == SpoolState.WAITING
    process_all()
    message = Message.objects.get()
    assert subject_of(message) == "Avis cardiologique"
    assert read_message(message).text == "Bonjour, merci de votre avis."
    assert source_of(message).endswith(raw)
    assert message.attachment_count == 1
    martin_box.refresh_from_db()
    assert martin_box.unread == 1


def test_second_run_deposits_nothing(martin_box, practice):
    practice.sendmail(PETIT, [MARTIN], make_letter())
    process_all()
    InboundMessage.objects.update(state=SpoolState.WAITING)
    practice.sendmail(PETIT, [MARTIN], make_letter())
    process_all()
    assert Message.objects.count() == 1


def test_mail_before_starttls_is_530(listener, martin_box):
    with smtplib.SMTP("127.0.0.1", listener, timeout=10) as client:
        client.ehlo()
        assert client.mail(PETIT) == (530, b"5.7.0 Must issue a STARTTLS command first")


def test_unknown_mailbox_is_refused_in_the_conversation(practice, martin_box):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        practice.sendmail(PETIT, ["personne@ch-valbrune.mssante.example"], make_letter())
    assert refused.value.recipients["personne@ch-valbrune.mssante.example"][0] == 550


def test_250_is_said_after_the_file_is_synced_and_the_row_committed(
    martin_box, practice, monkeypatch, settings, synced
):
    settings.INLINE_BYTES = -1
    push = TrustSpaceSMTP.push
    commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]  # The stubs do not know it.

    def noted_commit(self):
        commit(self)
        synced.append(f"commit {self.alias}")

    async def noted_push(self, status):
        synced.append(str(status)[:3])
        await push(self, status)

    practice.mail(PETIT)
    practice.rcpt(MARTIN)
    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", noted_commit)
    monkeypatch.setattr(TrustSpaceSMTP, "push", noted_push)
    assert practice.data(make_letter())[0] == 250
    monkeypatch.undo()
    folder = Path(django_settings.SPOOL_DIR)
    file = folder / InboundMessage.objects.get().name
    assert synced == ["354", file, folder, "commit default", "250"]


def test_large_letter_full_of_dots_arrives_byte_for_byte(martin_box, practice):
    text = "".join(f"{'.' * (n % 4)}ligne {n}\n" for n in range(100_000)) + ".\n..\n"
    raw = make_letter(text=text)
    practice.sendmail(PETIT, [MARTIN], raw)
    inbound = InboundMessage.objects.get()
    assert read_spooled(inbound) == raw
    process_all()
    assert source_of(Message.objects.get()).endswith(raw)


def test_answer_joins_the_conversation_it_answers(martin_box, practice):
    practice.sendmail(PETIT, [MARTIN], make_letter())
    answer = make_letter(
        message_id="lettre-2@cabinet-tilleuls.mssante.example",
        subject="Tout autre objet",
        References="<lettre-1@cabinet-tilleuls.mssante.example>",
    )
    practice.sendmail(PETIT, [MARTIN], answer)
    process_all()
    first, second = Message.objects.order_by("pk")
    assert first.thread == second.thread
    martin_box.refresh_from_db()
    assert martin_box.unread == 2


SECRETS = [
    "Monique Durand",
    "syndrome de Tako-Tsubo",
    "radio-durand-secret.pdf",
    "contenu-secret-7",
]


def test_nothing_a_letter_says_is_on_disk_or_in_a_log_in_the_clear(
    martin_box, dr_petit, practice, caplog, capfd
):
    name, subject, file, body = SECRETS
    other = make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)
    raw = make_letter(
        sender=f"{name} <{PETIT}>",
        subject=subject,
        text=f"{body} {name}",
        html=f"<p>{body}</p>",
        files=[(file, "application/octet-stream", f"{body} {name}".encode() * 100)],
        cc=f"{name} <290027512345678@patient.mssante.fr>",
    )
    patterns = [text.encode() for text in (*SECRETS, "290027512345678")]
    assert all(pattern in raw for pattern in patterns[:3])

    def assert_nothing_clear():
        for path in Path(django_settings.STATE_DIR).rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not [p for p in patterns if p in content], path.name
        for row in every_value():
            assert not [p for p in patterns if p in row], "a column"

    practice.sendmail(PETIT, [MARTIN, other.address], raw)
    inbound = InboundMessage.objects.get()
    assert read_spooled(inbound) == raw
    assert_nothing_clear()
    process_all()
    assert Message.objects.count() == 2
    assert Blob.objects.exists()
    assert_nothing_clear()
    assert inbound.name not in {path.name for path in spool_files()}
    # And it is all there for whom it is meant.
    message = Message.objects.get(mailbox=martin_box)
    assert subject_of(message) == subject
    attachment = message.attachments.get()
    assert file_name(attachment) == file
    assert body.encode() in content_of(attachment)
    logged = (caplog.text + "".join(capfd.readouterr())).encode()
    assert not [p for p in (*patterns, PETIT.encode(), MARTIN.encode()) if p in logged]


def every_value():
    """Every value of every column, whatever the database: what a dump would show."""
    assert connection.alias == "default"
    for model in apps.get_models():
        for row in model._default_manager.values_list():
            for value in row:
                is_bytes = isinstance(value, bytes | memoryview)
                yield bytes(value) if is_bytes else str(value).encode()
