"""The trail: plain inserts, standing or falling with the deed, never changed from the admin."""

import pytest
from django.db import transaction

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from accounts.audit.record import record_event
from tests.factories.visitors import browser_of

pytestmark = pytest.mark.django_db


class ChangeOfMindError(Exception):
    pass


def test_event_falls_with_its_deed():
    @transaction.atomic
    def regret():
        record_event(Event.MAILBOX_MESSAGE_READ, message_id=1)
        raise ChangeOfMindError

    with pytest.raises(ChangeOfMindError):
        regret()
    assert not AuditEvent.objects.exists()


def test_event_holds_what_it_was_given(dr_martin):
    record_event(
        Event.MAILBOX_MESSAGE_SENT, actor=dr_martin, mailbox_id=3, message_id=4, detail={"size": 5}
    )
    event = AuditEvent.objects.get()
    assert (event.actor, event.mailbox_id, event.message_id) == (dr_martin, 3, 4)
    assert event.detail == {"size": 5}
    assert str(event).endswith("mailbox:message:sent")


def test_over_long_value_is_cut():
    record_event(Event.INBOUND_MESSAGE_REFUSED, detail={"dn": "x" * 5000, "reply": 550})
    assert len(AuditEvent.objects.get().detail["dn"]) == 300


def test_nobody_changes_the_trail_from_the_admin(administrator):
    record_event(Event.MAILBOX_MESSAGE_READ, message_id=1)
    event = AuditEvent.objects.get()
    browser = browser_of(administrator)
    page = f"/admin/audit/auditevent/{event.pk}/change/"
    assert browser.get("/admin/audit/auditevent/").status_code == 200
    assert browser.get(page).status_code == 200
    assert browser.post(page, {"event": "x"}).status_code == 403
    assert (
        browser.post(f"/admin/audit/auditevent/{event.pk}/delete/", {"post": "yes"}).status_code
        == 403
    )
    assert browser.get("/admin/audit/auditevent/add/").status_code == 403
    assert AuditEvent.objects.get().event == Event.MAILBOX_MESSAGE_READ


def test_person_with_a_trail_cannot_be_deleted(dr_martin):
    from django.db.models import ProtectedError

    record_event(Event.MAILBOX_MESSAGE_READ, actor=dr_martin, message_id=1)
    with pytest.raises(ProtectedError):
        dr_martin.delete()
