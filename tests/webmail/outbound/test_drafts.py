"""Drafts: kept to the letter, files and all, until sent or thrown away by whoever came first."""

import pytest
from django.db import IntegrityError

from tests.factories.outbox import send, write_draft
from webmail.mailbox.reading import content_of, file_name, subject_of
from webmail.models import Attachment, Blob, FolderRole, Mailbox, Message, MessageState
from webmail.outbound.drafts import (
    DraftChangedError,
    DraftGoneError,
    DraftText,
    NoRoomError,
    UploadedPart,
    attach_files,
    create_draft,
    detach_file,
    draft_text,
    is_left_by,
    save_draft,
)
from webmail.store.blobs import write_blob

pytestmark = pytest.mark.django_db(databases="__all__")

PDF = UploadedPart("ECG.pdf", "application/pdf", b"%PDF-1.4 contenu")
HALF = DraftText(to="hugo.petit@cabi", cc="", subject="Avis", body="Cher conf", in_reply_to=7)


def box(mailbox):
    return Mailbox.objects.get(pk=mailbox.pk)


def test_half_written_text_is_kept_to_the_letter(martin_box, dr_martin):
    draft = create_draft(martin_box, dr_martin, HALF)
    assert draft_text(Message.objects.get(pk=draft.pk)) == HALF
    assert (draft.state, draft.folder_role) == (MessageState.DRAFT, FolderRole.DRAFTS)
    assert subject_of(draft) == "Avis"


def test_nothing_typed_lies_in_clear_in_the_row(martin_box, dr_martin):
    draft = create_draft(martin_box, dr_martin, DraftText(subject="PLANTED", body="PLANTED"))
    row = Message.objects.get(pk=draft.pk)
    for sealed in (row.sealed_draft, row.sealed_subject, row.sealed_snippet):
        assert len(sealed) > 0
        assert b"PLANTED" not in bytes(sealed)


def test_each_save_counts_and_wins(martin_box, dr_martin):
    draft = create_draft(martin_box, dr_martin, HALF)
    before = box(martin_box).modseq
    saved = save_draft(draft, DraftText(body="Cher confrère"))
    assert saved.version == draft.version == 1
    assert draft_text(saved).body == "Cher confrère"
    assert box(martin_box).modseq == before + 1


def test_one_writing_page_makes_one_draft(martin_box, dr_martin):
    create_draft(martin_box, dr_martin, HALF, compose_key="page-1")
    with pytest.raises(IntegrityError):
        create_draft(martin_box, dr_martin, HALF, compose_key="page-1")


def test_files_are_rows_at_once_in_the_order_they_came(martin_box, dr_martin):
    draft = create_draft(martin_box, dr_martin, HALF)
    attach_files(draft, [PDF])
    attach_files(draft, [UploadedPart("été.txt", "text/plain", b"bonjour")])
    parts = list(draft.attachments.select_related("message__mailbox"))
    assert [file_name(part) for part in parts] == ["ECG.pdf", "été.txt"]
    assert [content_of(part) for part in parts] == [PDF.content, b"bonjour"]
    assert Message.objects.get(pk=draft.pk).attachment_count == 2
    assert box(martin_box).used_bytes == len(PDF.content) + len(b"bonjour")


def test_detached_file_gives_its_room_back(martin_box, dr_martin):
    draft = write_draft(martin_box, dr_martin, files=[("a.pdf", "application/pdf", b"x" * 500)])
    detach_file(draft, draft.attachments.get())
    assert not Attachment.objects.exists()
    assert not Blob.objects.exists()
    assert box(martin_box).used_bytes == 0
    assert Message.objects.get(pk=draft.pk).attachment_count == 0


def test_second_click_on_detach_releases_nothing_twice(martin_box, dr_martin):
    twice = [("a.pdf", "application/pdf", b"same"), ("b.pdf", "application/pdf", b"same")]
    draft = write_draft(martin_box, dr_martin, files=twice)
    first = draft.attachments.first()
    detach_file(draft, Attachment.objects.get(pk=first.pk))
    detach_file(draft, first)
    left = draft.attachments.select_related("message__mailbox").get()
    assert content_of(left) == b"same"
    assert Blob.objects.get().references == 1
    assert box(martin_box).used_bytes == 4


def test_save_over_another_version_raises_and_keeps_the_other_text(martin_box, dr_martin):
    draft = create_draft(martin_box, dr_martin, HALF)
    other = Message.objects.get(pk=draft.pk)
    save_draft(other, DraftText(body="l’autre fenêtre"), version=0)
    with pytest.raises(DraftChangedError):
        save_draft(draft, DraftText(body="celle-ci"), version=0)
    assert draft_text(Message.objects.get()).body == "l’autre fenêtre"


def test_page_knows_its_own_last_save_and_nothing_else(martin_box, dr_martin):
    draft = create_draft(martin_box, dr_martin, HALF, compose_key="page-1")
    assert is_left_by(draft, "page-1")
    save_draft(draft, HALF, version=0, writer="page-2")
    assert (is_left_by(draft, "page-1"), is_left_by(draft, "page-2")) == (False, True)
    attach_files(draft, [PDF])
    assert not is_left_by(draft, "page-2")
    assert not is_left_by(draft, "")


def test_file_that_is_there_already_is_not_kept_twice(martin_box, dr_martin):
    draft = create_draft(martin_box, dr_martin, HALF)
    attach_files(draft, [PDF])
    attach_files(draft, [PDF, UploadedPart("autre nom.pdf", "application/pdf", PDF.content)])
    parts = draft.attachments.select_related("message__mailbox")
    assert [file_name(part) for part in parts] == ["ECG.pdf", "autre nom.pdf"]
    assert Blob.objects.get().references == 2
    assert box(martin_box).used_bytes == 2 * len(PDF.content)


def test_files_past_the_limit_of_a_letter_are_refused(martin_box, dr_martin, settings):
    settings.MESSAGE_SIZE_LIMIT_OUT = 30_000
    draft = create_draft(martin_box, dr_martin, HALF)
    attach_files(draft, [UploadedPart("a.pdf", "application/pdf", b"a" * 15_000)])
    version = draft.version
    with pytest.raises(NoRoomError) as refused:
        attach_files(draft, [UploadedPart("b.pdf", "application/pdf", b"b" * 15_000)])
    assert refused.value.reason == "too_big"
    assert draft.version == version == Message.objects.get().version
    assert Blob.objects.count() == draft.attachments.count() == 1
    assert box(martin_box).used_bytes == 15_000


def test_files_past_the_quota_of_the_box_are_refused(martin_box, dr_martin):
    Mailbox.objects.filter(pk=martin_box.pk).update(quota_bytes=1000, used_bytes=990)
    draft = create_draft(martin_box, dr_martin, HALF)
    with pytest.raises(NoRoomError) as refused:
        attach_files(draft, [PDF])
    assert refused.value.reason == "box_full"
    assert not Blob.objects.exists()
    assert box(martin_box).used_bytes == 990


def test_attach_to_another_version_raises_and_keeps_no_bytes(martin_box, dr_martin):
    draft = create_draft(martin_box, dr_martin, HALF)
    save_draft(Message.objects.get(pk=draft.pk), HALF)
    with pytest.raises(DraftChangedError):
        attach_files(draft, [PDF], version=0)
    assert not Blob.objects.exists()


@pytest.mark.usefixtures("trust_space")
class TestSentMeanwhile:
    @pytest.fixture
    def stale(self, martin_box, dr_martin):
        """A draft as another window still holds it."""
        letter = send(martin_box, dr_martin, files=[("a.pdf", "application/pdf", b"x")])
        stale = Message.objects.get(pk=letter.pk)
        stale.state = MessageState.DRAFT
        return stale

    def test_save_raises(self, stale):
        with pytest.raises(DraftGoneError):
            save_draft(stale, HALF)

    def test_attach_raises_and_keeps_no_bytes(self, stale):
        with pytest.raises(DraftGoneError):
            attach_files(stale, [PDF])
        assert stale.attachments.count() == 1
        write_blob(stale.mailbox, PDF.content)
        assert Blob.objects.filter(size=len(PDF.content)).get().references == 1

    def test_detach_raises_and_keeps_the_file(self, stale):
        with pytest.raises(DraftGoneError):
            detach_file(stale, stale.attachments.get())
        assert stale.attachments.count() == 1
