"""The trail is whole: every event is written by some code, and the main deeds leave theirs."""

import ast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.architecture.sources import product_files, tree_of
from tests.factories.letters import PETIT, make_letter, receive
from tests.factories.people import PASSWORD
from tests.factories.visitors import PRACTICE_DOMAIN, browser_of, publish_domains
from webmail.models import Message


def events_named(path):
    """The members of ``Event`` a module names."""
    return {
        node.attr
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Event"
    }


def test_every_event_is_written_by_some_code():
    used = set()
    for path in product_files():
        if str(path) != "accounts/audit/events.py":
            used |= events_named(path)
    assert {event.name for event in Event} == used & {event.name for event in Event}


def test_names_of_events_have_three_words():
    for event in Event:
        assert event.value.count(":") == 2
        assert event.value == event.value.lower()


def test_trail_is_written_in_one_place():
    """Nobody inserts, changes or deletes an event but ``record_event``."""
    writers = {
        str(path)
        for path in product_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Name) and node.id == "AuditEvent"
    }
    assert writers <= {
        "accounts/audit/record.py",
        "accounts/audit/admin.py",
        "accounts/audit/models.py",
    }


@pytest.mark.django_db(databases="__all__")
def test_a_day_of_a_doctor_leaves_its_trail(dr_martin, martin_box):
    publish_domains(PRACTICE_DOMAIN)
    letter = receive(
        martin_box, make_letter(files=[("a.pdf", "application/pdf", b"x")]), envelope_from=PETIT
    )
    browser = browser_of()
    door = "/compte/connexion/"
    browser.post(door, {"login": "camille.martin", "password": "faux"})
    browser.post(door, {"login": "camille.martin", "password": PASSWORD})
    browser.get(f"/conversations/{letter.thread_id}/")
    browser.get(f"/pieces/{letter.attachments.get().pk}/")
    browser.get(f"/messages/{letter.pk}/original/")
    file = SimpleUploadedFile("b.pdf", b"y", content_type="application/pdf")
    browser.post("/messages/ecrire/", {"to": PETIT, "subject": "s", "attachments": file})
    browser.post("/messages/ecrire/", {"to": PETIT, "action": "discard"})
    browser.post("/compte/deconnexion/")
    assert list(AuditEvent.objects.order_by("id").values_list("event", flat=True)) == [
        Event.MAILBOX_BOX_OPENED,
        Event.MAILBOX_MESSAGE_DEPOSITED,
        Event.ACCOUNT_LOGIN_REFUSED,
        Event.ACCOUNT_SESSION_OPENED,
        Event.MAILBOX_MESSAGE_READ,
        Event.MAILBOX_ATTACHMENT_DOWNLOADED,
        Event.MAILBOX_SOURCE_DOWNLOADED,
        Event.MAILBOX_MESSAGE_SENT,
        Event.DELIVERY_QUEUED,
        Event.MAILBOX_DRAFT_DISCARDED,
        Event.ACCOUNT_SESSION_CLOSED,
    ]
    sent = Message.objects.get(state="sent")
    assert AuditEvent.objects.get(event=Event.MAILBOX_MESSAGE_SENT).message_id == sent.pk
    deeds = AuditEvent.objects.filter(event__startswith="mailbox:").exclude(
        event__in=[Event.MAILBOX_BOX_OPENED, Event.MAILBOX_MESSAGE_DEPOSITED]
    )
    assert set(deeds.values_list("actor", "mailbox_id")) == {(dr_martin.pk, martin_box.pk)}
