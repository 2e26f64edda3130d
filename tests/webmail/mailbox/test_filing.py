"""Where a message goes in its box: conversation, people, parts, counters."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.audit.models import AuditEvent
from tests.factories.letters import make_letter, receive
from tests.factories.people import make_mailbox
from webmail.mailbox.changes import note_change
from webmail.mailbox.filing import (
    StoredPart,
    add_parts,
    add_people,
    find_thread,
    folder_of,
    mark_seen,
    note_reading,
)
from webmail.mailbox.reading import file_name, person_of
from webmail.mime.types import Address
from webmail.models import Folder, FolderRole, RecipientKind, Thread
from webmail.store.blobs import write_blob

pytestmark = pytest.mark.django_db


def letter(mailbox, number, **headers):
    return receive(mailbox, make_letter(message_id=f"{number}@x.example", **headers))


def test_folder_is_the_box_s_own(martin_box):
    assert folder_of(martin_box, FolderRole.ARCHIVE).mailbox == martin_box
    with pytest.raises(Folder.DoesNotExist):
        folder_of(type(martin_box)(pk=0), FolderRole.INBOX)


@pytest.mark.parametrize("ids", [[], [""], ["", ""], ["inconnu@x.example"]])
def test_nothing_known_makes_a_new_conversation(martin_box, ids):
    before = Thread.objects.count()
    assert find_thread(martin_box, ids).mailbox == martin_box
    assert Thread.objects.count() == before + 1


def test_latest_related_letter_gives_the_conversation(martin_box):
    old, new = letter(martin_box, 1), letter(martin_box, 2)
    type(old).objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=3))
    assert find_thread(martin_box, ["1@x.example", "2@x.example"]) == new.thread
    assert find_thread(martin_box, ["1@x.example"]) == old.thread


def test_draft_without_conversation_gives_none(martin_box):
    message = letter(martin_box, 1)
    type(message).objects.filter(pk=message.pk).update(state="draft", thread=None)
    assert find_thread(martin_box, ["1@x.example"]) != message.thread


def test_other_box_s_conversation_is_never_given(martin_box, dr_petit):
    other = make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)
    theirs = letter(other, 1)
    assert find_thread(martin_box, ["1@x.example"]) != theirs.thread


def test_people_and_parts_keep_their_order_and_names(martin_box):
    message = receive(martin_box, b"From: a@b.example\r\n\r\nx\r\n")
    people = [Address("Zoé", "z@x.example"), Address("", "a@x.example")]
    add_people(message, RecipientKind.TO, people)
    add_people(message, RecipientKind.CC, people[:1], first=2)
    rows = list(message.recipients.all())
    assert [person_of(row, martin_box) for row in rows] == [*people, people[0]]
    assert [(row.kind, row.position) for row in rows] == [("to", 0), ("to", 1), ("cc", 2)]
    part = StoredPart("été.pdf", "a/" + "b" * 300, 3, False, write_blob(martin_box, b"pdf"))
    add_parts(message, [part, part])
    assert [file_name(one) for one in message.attachments.all()] == ["été.pdf", "été.pdf"]
    assert all(len(one.content_type) == 120 for one in message.attachments.all())


def test_opened_letter_is_unread_no_longer_and_counted_once(martin_box):
    message = letter(martin_box, 1)
    mark_seen(message)
    martin_box.refresh_from_db()
    first = martin_box.unread, martin_box.modseq
    assert first[0] == 0
    mark_seen(message)
    martin_box.refresh_from_db()
    assert (martin_box.unread, martin_box.modseq) == first


def test_letter_seen_outside_the_inbox_leaves_the_inbox_s_count(martin_box):
    letter(martin_box, 1)
    message = letter(martin_box, 2)
    message.folder = folder_of(martin_box, FolderRole.ARCHIVE)
    message.save()
    mark_seen(message)
    martin_box.refresh_from_db()
    assert martin_box.unread == 2


def test_counters_never_fall_below_nothing(martin_box):
    note_change(martin_box.pk, unread=-3, used_bytes=-10)
    martin_box.refresh_from_db()
    assert (martin_box.unread, martin_box.used_bytes, martin_box.modseq) == (0, 0, 1)


def test_each_reading_leaves_its_trace(martin_box, dr_martin):
    message = letter(martin_box, 1)
    note_reading(message, dr_martin)
    note_reading(message, dr_martin)
    events = AuditEvent.objects.filter(event="mailbox:message:read")
    assert [(e.actor_id, e.message_id) for e in events] == [(dr_martin.pk, message.pk)] * 2
