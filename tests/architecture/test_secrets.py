"""Planted secrets: what people wrote is found again in no log, address, task, table or file."""

import base64
import json
import logging
import smtplib
import socket

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections

from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.factories.visitors import PRACTICE_DOMAIN, browser_of
from tests.flows.conftest import listener, make_peer, manner, practice, trust_space  # noqa: F401
from webmail.inbound.tasks import drain_spool
from webmail.models import Delivery, DeliveryState, InboundMessage, Message
from webmail.outbound.tasks import drain_peer, sweep_outbox

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

# Words nobody else writes. Each says where it was planted.
SECRETS = {
    "subject": "zqobjetrecu",
    "body": "zqcorpsrecu",
    "html": "zqhtmlrecu",
    "file name": "zqfichierrecu",
    "file": "zqcontenurecu",
    "sender": "zqnomexpediteur",
    "patient": "zqpatientdurand",
    "sent subject": "zqobjetenvoye",
    "sent body": "zqcorpsenvoye",
    "sent file name": "zqfichierenvoye",
    "sent file": "zqcontenuenvoye",
    "draft": "zqbrouillongarde",
    "recipient": "zqnomdestinataire",
    "password": "zqmotdepassefaux",
}
OUTSIDE = "ami@hors-espace.example"
NOBODY_HERE = "personne@ch-valbrune.mssante.example"
PATIENT = "279017812345678@patient.mssante.fr"
ADDRESSES = (PETIT, MARTIN, OUTSIDE, NOBODY_HERE, PATIENT)


@pytest.fixture
def logged(caplog):
    """Everything our loggers can say; the others as the settings leave them."""
    for name in ("webmail", "accounts", "directory", "mssante"):
        caplog.set_level(logging.DEBUG, logger=name)
    caplog.handler.setLevel(logging.DEBUG)
    return caplog


def letter():
    return make_letter(
        sender=f'"{SECRETS["sender"]}" <{PETIT}>',
        subject=f"{SECRETS['subject']} {SECRETS['patient']}",
        text=f"{SECRETS['body']} {SECRETS['patient']}",
        html=f"<p>{SECRETS['html']}</p>",
        files=[
            (f"{SECRETS['file name']}.pdf", "application/pdf", SECRETS["file"].encode() * 3),
        ],
    )


def receive_all(practice_client):
    practice_client.sendmail(PETIT, [MARTIN], letter())
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        practice_client.sendmail(PETIT, [NOBODY_HERE], letter())
    with pytest.raises(smtplib.SMTPSenderRefused):
        practice_client.sendmail(OUTSIDE, [MARTIN], letter())
    drain_spool()
    # One more, damaged before the worker comes: what goes wrong is what gets logged.
    practice_client.sendmail(PETIT, [MARTIN], letter())
    damaged = InboundMessage.objects.latest("pk")
    InboundMessage.objects.filter(pk=damaged.pk).update(content=bytes(damaged.content[:-9]))
    drain_spool()


def read_everything(get):
    message = Message.objects.get(state="received")
    get("/messages/")
    page = get(f"/conversations/{message.thread_id}/")
    assert SECRETS["subject"] in page.content.decode()
    assert SECRETS["html"] in get(f"/messages/{message.pk}/corps/").content.decode()
    get(f"/messages/{message.pk}/original/")
    get(f"/pieces/{message.attachments.get().pk}/")
    get(f"/messages/ecrire/?repondre={message.pk}")
    return message


def write_everything(post, message):
    file = SimpleUploadedFile(
        f"{SECRETS['sent file name']}.pdf",
        SECRETS["sent file"].encode() * 3,
        content_type="application/pdf",
    )
    words = {"subject": SECRETS["sent subject"], "body": SECRETS["sent body"]}
    for to in (OUTSIDE, PATIENT, NOBODY_HERE, f"{SECRETS['recipient']} sans adresse"):
        assert post("/messages/ecrire/", {"to": to, **words}).status_code == 422
    post("/messages/ecrire/enregistrer/", {"to": PETIT, "body": SECRETS["draft"]})
    to = f"{SECRETS['recipient']} <{PETIT}>"
    sent = {"to": to, "in_reply_to": message.pk, "attachments": file, **words}
    assert post("/messages/ecrire/", sent).status_code == 302
    assert post("/messages/ecrire/", {"to": PETIT, **words}).status_code == 302


def tell_story(settings, dr_martin, practice, make_peer):  # noqa: F811
    """A letter comes in and is read; three go out: accepted, refused by the peer, not connected."""
    cache.clear()
    asked = []
    browser = browser_of(dr_martin)

    def get(address):
        asked.append(address)
        return browser.get(address)

    def post(address, data):
        response = browser.post(address, data)
        asked.extend([address, response.get("Location", "")])
        return response

    receive_all(practice)
    message = read_everything(get)
    make_peer(replies={"RCPT": ["250 ok", f"550 5.1.1 <{PETIT}> zut"]})
    write_everything(post, message)
    drain_peer(PRACTICE_DOMAIN)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # Bound and not listening: whoever comes is refused.
        settings.MAIL_ROUTES = {PRACTICE_DOMAIN: deaf.getsockname()}
        post("/messages/ecrire/", {"to": PETIT, "subject": SECRETS["sent subject"]})
        drain_peer(PRACTICE_DOMAIN)
    sweep_outbox()
    get("/messages/")
    for sent in Message.objects.filter(state="sent"):
        get(f"/conversations/{sent.thread_id}/?dossier=sent")
    browser_of().post("/compte/connexion/", {"login": SECRETS["password"], "password": "x"})
    states = set(Delivery.objects.values_list("state", flat=True))
    assert states == {DeliveryState.ACCEPTED, DeliveryState.FAILED, DeliveryState.DEFERRED}
    return asked


def found_in(text, words):
    return sorted(word for word in words if word.lower() in text.lower())


def bell_messages():
    """Every task rung so far, with its body as the worker would read it."""
    for file in (django_settings.STATE_DIR / "bell").rglob("*"):
        if file.is_file():
            content = file.read_text(encoding="utf-8", errors="replace")
            yield content
            if content.startswith("{"):
                body = json.loads(content)["body"]
                yield base64.b64decode(body).decode("utf-8", "replace")


def rows_of_every_table():
    for model in apps.get_models():
        for row in model._default_manager.values_list():
            cells = [bytes(cell) if isinstance(cell, bytes | memoryview) else cell for cell in row]
            yield model._meta.label, repr(cells)
    for session in Session.objects.all():
        # Signed and compressed, not encrypted: what it holds counts as written down.
        yield "session", repr(session.get_decoded())


def files_at_rest():
    for folder in (django_settings.BLOB_DIR, django_settings.SPOOL_DIR):
        yield from (path for path in folder.rglob("*") if path.is_file())
    for alias in connections:
        if connections[alias].vendor == "sqlite":
            name = connections[alias].settings_dict["NAME"]
            yield from (
                path
                for path in django_settings.STATE_DIR.glob("*")
                if path.is_file() and str(path).startswith(str(name))
            )


def test_what_people_wrote_is_written_down_nowhere(
    logged,
    settings,
    dr_martin,
    martin_box,
    practice,  # noqa: F811
    make_peer,  # noqa: F811
):
    """One story, told once: it is slow, and every place is searched for every secret."""
    asked = tell_story(settings, dr_martin, practice, make_peer)
    secrets = SECRETS.values()
    assert "event=connect_failed" in logged.text
    assert f"domain={PRACTICE_DOMAIN}" in logged.text
    assert "spool=" in logged.text
    assert found_in(logged.text, [*secrets, *ADDRESSES]) == []
    assert found_in(" ".join(asked), [*secrets, *ADDRESSES, "@"]) == []
    rung = list(bell_messages())
    assert rung
    assert found_in(" ".join(rung), [*secrets, *ADDRESSES]) == []
    for table, row in rows_of_every_table():
        assert found_in(row, [*secrets, PATIENT, PATIENT.partition("@")[0]]) == [], table
    paths = list(files_at_rest())
    assert paths
    for path in paths:
        content = path.read_bytes().decode("latin-1")
        assert found_in(f"{path} {content}", secrets) == [], path
