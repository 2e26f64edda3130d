"""A box that opens is whole: key, folders, rights, trace. Any other does not open at all."""

import pytest
from django.db import IntegrityError, transaction

from accounts.audit.models import AuditEvent
from webmail.mailbox.opening import OpeningError, address_fault, open_mailbox
from webmail.models import FolderRole, Mailbox, MailboxKind, MailboxStatus
from webmail.store.sealed import mailbox_key

pytestmark = pytest.mark.django_db

DOMAIN = "ch-valbrune.mssante.example"


def open_box(local_part="secretariat", *, kind=MailboxKind.ORG, **fields):
    return open_mailbox(f"{local_part}@{DOMAIN}", kind=kind, name="Secrétariat", **fields)


def test_new_box_is_whole(settings, dr_martin):
    box = open_box("Camille.MARTIN", kind=MailboxKind.PER, holder=dr_martin, actor=dr_martin)
    assert box.address == f"camille.martin@{DOMAIN}"
    assert box.status == MailboxStatus.ACTIVE
    assert box.quota_bytes == settings.MAILBOX_QUOTA_BYTES
    assert {folder.role for folder in box.folders.all()} == set(FolderRole.values)
    access = box.accesses.get()
    assert access.user == dr_martin
    rights = [access.can_read, access.can_file, access.can_prepare, access.can_send]
    assert all([*rights, access.can_manage])
    assert len(mailbox_key(box)) == 32
    event = AuditEvent.objects.get(event="mailbox:box:opened")
    assert (event.mailbox_id, event.actor_id, event.detail) == (
        box.pk,
        dr_martin.pk,
        {"kind": "PER"},
    )


def test_organisation_s_box_needs_no_holder_and_gives_no_right():
    assert not open_box().accesses.exists()


def test_each_box_has_a_key_of_its_own():
    assert mailbox_key(open_box("a")) != mailbox_key(open_box("b"))


@pytest.mark.parametrize(
    "address",
    [
        "sans-arobase",
        "",
        f"deux mots@{DOMAIN}",
        f"é@{DOMAIN}",
        f"@{DOMAIN}",
        "a@ailleurs.mssante.example",
        f"a@sous.{DOMAIN}",
        f"a@{DOMAIN}.example",
    ],
)
def test_address_that_cannot_be_ours_opens_nothing(address):
    assert address_fault(address)
    with pytest.raises(OpeningError):
        open_mailbox(address, kind=MailboxKind.ORG, name="x")
    assert not Mailbox.objects.exists()


def test_address_opens_once_whatever_the_case():
    open_box()
    with pytest.raises(OpeningError):
        open_box("SECRETARIAT")
    assert Mailbox.objects.count() == 1


def test_closed_box_keeps_its_address():
    Mailbox.objects.filter(pk=open_box().pk).update(status=MailboxStatus.CLOSED)
    with pytest.raises(OpeningError):
        open_box()


def test_personal_box_without_holder_does_not_open():
    with pytest.raises(OpeningError):
        open_box(kind=MailboxKind.PER)
    assert not AuditEvent.objects.exists()


def test_free_address_has_no_fault():
    assert address_fault(f"libre@{DOMAIN}") is None


@pytest.mark.parametrize("fields", [{"address": f"MAJ@{DOMAIN}"}, {"kind": MailboxKind.PER}])
def test_database_holds_what_must_never_be_false(fields):
    box = open_box()
    with pytest.raises(IntegrityError), transaction.atomic():
        Mailbox.objects.filter(pk=box.pk).update(**fields)
