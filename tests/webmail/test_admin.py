"""The admin leaves its trace, and opens boxes by the one verb that may."""

import pytest
from django.urls import reverse

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.factories.people import PASSWORD
from tests.factories.visitors import browser_of
from webmail.models import Mailbox

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def admin_page(administrator):
    return browser_of(administrator)


def box_form(box, **changes):
    """What the change page of a box posts: its own fields, and its rows of rights."""
    rows = list(box.accesses.order_by("pk"))
    form = {
        "name": box.name,
        "status": box.status,
        "quota_bytes": box.quota_bytes,
        "accesses-TOTAL_FORMS": len(rows),
        "accesses-INITIAL_FORMS": len(rows),
    }
    for number, row in enumerate(rows):
        form |= {
            f"accesses-{number}-id": row.pk,
            f"accesses-{number}-mailbox": box.pk,
            f"accesses-{number}-user": row.user_id,
        }
        for right in ("read", "file", "prepare", "send", "manage"):
            if getattr(row, f"can_{right}"):
                form[f"accesses-{number}-can_{right}"] = "on"
    return form | changes


def events(*names):
    return AuditEvent.objects.filter(event__in=names)


def test_administrator_who_helps_himself_to_a_box_is_seen(admin_page, administrator, martin_box):
    address = reverse("admin:webmail_mailbox_change", args=[martin_box.pk])
    row = {
        "accesses-TOTAL_FORMS": 2,
        "accesses-1-mailbox": martin_box.pk,
        "accesses-1-user": administrator.pk,
        "accesses-1-can_read": "on",
    }
    assert admin_page.post(address, box_form(martin_box, **row)).status_code == 302
    event = events(Event.MAILBOX_ACCESS_GRANTED).get()
    assert (event.actor, event.mailbox_id) == (administrator, martin_box.pk)
    assert event.detail["person"] == administrator.pk
    assert event.detail["read"] is True
    assert event.detail["send"] is False


def test_right_taken_away_leaves_its_trace(admin_page, samia, martin_box):
    address = reverse("admin:webmail_mailbox_change", args=[martin_box.pk])
    form = box_form(martin_box, **{"accesses-1-DELETE": "on"})
    assert admin_page.post(address, form).status_code == 302
    assert events(Event.MAILBOX_ACCESS_REVOKED).get().detail == {"person": samia.pk}
    assert not martin_box.accesses.filter(user=samia).exists()


def test_suspended_box_leaves_its_trace_and_an_untouched_one_none(admin_page, martin_box):
    address = reverse("admin:webmail_mailbox_change", args=[martin_box.pk])
    admin_page.post(address, box_form(martin_box))
    assert not events(Event.MAILBOX_BOX_CHANGED).exists()
    admin_page.post(address, box_form(martin_box, status="suspended"))
    detail = events(Event.MAILBOX_BOX_CHANGED).get().detail
    assert detail == {"fields": "status", "status": "suspended"}


def test_box_is_opened_with_key_and_folders_whatever_the_case(admin_page, dr_martin):
    form = {
        "address": "Nouvelle.Boite@CH-Valbrune.mssante.example",
        "kind": "PER",
        "name": "Dr Martin",
        "holder": dr_martin.pk,
    }
    assert admin_page.post(reverse("admin:webmail_mailbox_add"), form).status_code == 302
    box = Mailbox.objects.get(address="nouvelle.boite@ch-valbrune.mssante.example")
    assert box.wrapped_key
    assert box.folders.count() == 6


def test_kind_of_patients_is_not_offered(admin_page):
    page = admin_page.get(reverse("admin:webmail_mailbox_add")).content.decode()
    assert 'value="ORG"' in page
    assert 'value="PATIENT"' not in page


def test_person_created_and_changed_leave_their_trace(admin_page, administrator):
    form = {
        "username": "nouveau",
        "kind": "staff",
        "first_name": "Ana",
        "last_name": "Roux",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "usable_password": "true",
    }
    assert admin_page.post(reverse("admin:accounts_user_add"), form).status_code == 302
    event = events(Event.ACCOUNT_PERSON_CREATED).get()
    assert event.actor == administrator
    assert PASSWORD not in str(event.detail)
    change = reverse("admin:accounts_user_change", args=[event.detail["person"]])
    answer = admin_page.post(
        change,
        {
            "username": "nouveau",
            "kind": "staff",
            "first_name": "Ana",
            "last_name": "Roux",
            "is_active": "on",
            "is_staff": "on",
        },
    )
    assert answer.status_code == 302
    assert events(Event.ACCOUNT_PERSON_CHANGED).get().detail["fields"] == "is_staff"


@pytest.mark.parametrize(
    "address",
    [
        "/boites/{}/inbox/",
        "/boites/{}/inbox/nouveau/",
        "/conversations/{}/",
        "/conversations/{}/suivi/",
        "/messages/{}/corps/",
        "/messages/{}/original/",
        "/pieces/{}/",
    ],
)
def test_number_no_row_can_have_is_404(dr_martin, martin_box, address):
    assert browser_of(dr_martin).get(address.format("9" * 23)).status_code == 404
