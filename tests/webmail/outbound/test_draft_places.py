"""Where a draft lies: it moves whole or not at all, and what is thrown away can be taken back."""

import pytest

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.factories.outbox import send, write_draft
from tests.factories.people import make_mailbox
from webmail.mailbox.filing import folder_of
from webmail.mailbox.queries import count_drafts, list_folder
from webmail.mailbox.reading import content_of, file_name
from webmail.models import Blob, FolderRole, Mailbox, Message, MessageState
from webmail.outbound.draft_places import (
    delete_draft,
    discard_draft,
    is_discarded,
    move_draft,
    restore_draft,
)
from webmail.outbound.drafts import (
    DraftChangedError,
    DraftGoneError,
    DraftText,
    NoRoomError,
    create_draft,
    draft_text,
    save_draft,
)

pytestmark = pytest.mark.django_db(databases="__all__")

FILE = ("a.pdf", "application/pdf", b"x")


def box(mailbox):
    return Mailbox.objects.get(pk=mailbox.pk)


def row(draft):
    return Message.objects.get(pk=draft.pk)


@pytest.fixture
def team(dr_martin):
    return make_mailbox("cardiologie", "Cardiologie", holder=dr_martin)


@pytest.fixture
def draft(martin_box, dr_martin):
    return write_draft(martin_box, dr_martin, files=[FILE])


def test_draft_moves_to_another_box_under_its_own_key(draft, team, martin_box, dr_martin):
    text = draft_text(draft)
    moved = move_draft(draft, team, dr_martin)
    assert (moved.pk, moved.mailbox) == (draft.pk, team)
    assert moved.folder == folder_of(team, FolderRole.DRAFTS)
    assert draft_text(moved) == text
    part = moved.attachments.select_related("message__mailbox").get()
    assert (file_name(part), content_of(part)) == ("a.pdf", b"x")
    assert Message.objects.get() == moved
    assert Blob.objects.get().mailbox == team
    assert (box(martin_box).used_bytes, box(team).used_bytes) == (0, 1)
    event = AuditEvent.objects.get(event=Event.MAILBOX_DRAFT_DISCARDED)
    assert (event.mailbox_id, event.detail) == (martin_box.pk, {"moved_to": team.pk})


def test_move_into_a_full_box_is_refused_and_the_draft_stays(draft, team, martin_box, dr_martin):
    Mailbox.objects.filter(pk=team.pk).update(quota_bytes=0)
    with pytest.raises(NoRoomError):
        move_draft(draft, team, dr_martin)
    assert row(draft).mailbox == martin_box
    assert Blob.objects.get().mailbox == martin_box


def test_move_of_another_version_raises_and_changes_nothing(draft, team, martin_box, dr_martin):
    save_draft(row(draft), DraftText(body="entre-temps"))
    with pytest.raises(DraftChangedError):
        move_draft(draft, team, dr_martin)
    assert draft_text(row(draft)).body == "entre-temps"
    assert row(draft).mailbox == martin_box
    assert not Blob.objects.filter(mailbox=team).exists()


def test_text_saved_for_the_first_box_never_lands_in_the_second(draft, team, dr_martin):
    """It would be sealed with a key that does not open it there."""
    text = draft_text(draft)
    stale = row(draft)
    move_draft(draft, team, dr_martin)
    with pytest.raises(DraftChangedError):
        save_draft(stale, DraftText(body="perdu"))
    assert draft_text(row(draft)) == text


def test_two_drafts_of_one_page_can_lie_in_one_box(martin_box, team, dr_martin):
    first = create_draft(martin_box, dr_martin, DraftText(body="un"), compose_key="page")
    create_draft(team, dr_martin, DraftText(body="deux"), compose_key="page")
    move_draft(first, team, dr_martin)
    bodies = {draft_text(one).body for one in Message.objects.filter(mailbox=team)}
    assert bodies == {"un", "deux"}


def test_discarded_draft_lies_whole_in_the_trash(draft, martin_box, dr_martin):
    text = draft_text(draft)
    discard_draft(draft, dr_martin)
    assert is_discarded(row(draft))
    assert draft_text(row(draft)) == text
    assert row(draft).attachments.count() == 1
    assert count_drafts(martin_box) == 0
    assert list_folder(martin_box, FolderRole.DRAFTS).messages == ()
    assert list_folder(martin_box, FolderRole.TRASH).messages == (draft,)
    event = AuditEvent.objects.get(event=Event.MAILBOX_DRAFT_DISCARDED)
    assert (event.actor_id, event.message_id) == (dr_martin.pk, draft.pk)


def test_discarding_twice_leaves_one_trace(draft, dr_martin):
    for _ in range(2):
        discard_draft(draft, dr_martin)
    assert AuditEvent.objects.filter(event=Event.MAILBOX_DRAFT_DISCARDED).count() == 1


def test_restored_draft_is_a_draft_again(draft, martin_box, dr_martin):
    discard_draft(draft, dr_martin)
    restore_draft(row(draft))
    assert not is_discarded(row(draft))
    assert count_drafts(martin_box) == 1


def test_saving_takes_a_draft_out_of_the_trash(draft, martin_box, dr_martin):
    discard_draft(draft, dr_martin)
    save_draft(row(draft), DraftText(body="encore"))
    assert not is_discarded(row(draft))


def test_draft_deleted_for_good_leaves_its_trace_and_nothing_else(draft, martin_box, dr_martin):
    number = draft.pk
    discard_draft(draft, dr_martin)
    delete_draft(row(draft), dr_martin)
    assert not Message.objects.exists()
    assert not Blob.objects.exists()
    assert box(martin_box).used_bytes == 0
    events = AuditEvent.objects.filter(message_id=number, event=Event.MAILBOX_DRAFT_DISCARDED)
    assert [event.detail["for_good"] for event in events.order_by("pk")] == [False, True]


def test_only_what_lies_in_the_trash_is_deleted(draft, dr_martin):
    with pytest.raises(DraftChangedError):
        delete_draft(draft, dr_martin)
    assert row(draft).attachments.count() == 1


@pytest.mark.usefixtures("trust_space")
class TestSentMeanwhile:
    @pytest.fixture
    def stale(self, martin_box, dr_martin):
        """A draft as another window still holds it."""
        letter = send(martin_box, dr_martin, files=[FILE])
        stale = Message.objects.get(pk=letter.pk)
        stale.state = MessageState.DRAFT
        return stale

    def test_discard_raises_and_the_letter_stays(self, stale, dr_martin):
        for verb in (discard_draft, delete_draft):
            with pytest.raises(DraftGoneError):
                verb(stale, dr_martin)
        with pytest.raises(DraftGoneError):
            restore_draft(stale)
        assert Message.objects.get().state == MessageState.SENT

    def test_move_raises_and_leaves_no_copy(self, stale, team, dr_martin):
        with pytest.raises(DraftGoneError):
            move_draft(stale, team, dr_martin)
        assert Message.objects.get() == stale
        assert not Blob.objects.filter(mailbox=team).exists()
        assert box(team).used_bytes == 0
