"""From a peer's connection to a letter in a box: the whole incoming road, over a real socket."""

import smtplib

import pytest

from tests.factories.letters import MARTIN, PETIT, make_letter
from webmail.inbound.tasks import process_inbound
from webmail.mailbox.reading import read_message, source_of, subject_of
from webmail.models import InboundMessage, Message, SpoolState

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def process_all():
    for inbound in InboundMessage.objects.all():
        process_inbound(inbound.pk)


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
