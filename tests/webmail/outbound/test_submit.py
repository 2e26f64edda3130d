"""The only send function: everything is written or nothing is, bytes are frozen, and no is said in
words a page can phrase.
"""

from email import message_from_bytes, policy
from email.utils import getaddresses

import pytest
from django.utils import timezone

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.factories.letters import MARTIN, PETIT, make_letter, receive
from tests.factories.outbox import PRACTICE_DOMAIN, ROY, send, write_draft
from tests.factories.people import make_mailbox
from webmail.mailbox.reading import read_message, source_of
from webmail.mime.compose import compose_message
from webmail.models import (
    Blob,
    Delivery,
    DeliveryState,
    FolderRole,
    Mailbox,
    MailboxKind,
    MailboxStatus,
    Message,
    MessageState,
    RecipientKind,
    Thread,
)
from webmail.outbound import posting, submit
from webmail.outbound.drafts import (
    UploadedPart,
    attach_files,
    detach_file,
    draft_text,
    save_draft,
)
from webmail.outbound.submit import AlreadySentError, SubmitError, submit_draft

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("trust_space")]


def parsed(letter):
    return message_from_bytes(source_of(letter), policy=policy.default)


def problems_of(draft, actor):
    """The refusals, after a look at that the draft is still a draft and nothing is left behind."""
    blobs = Blob.objects.count()
    with pytest.raises(SubmitError) as caught:
        submit_draft(draft, actor)
    assert Message.objects.get(pk=draft.pk).state == MessageState.DRAFT
    assert Delivery.objects.count() == 0
    assert Blob.objects.count() == blobs
    return [(one.reason, one.field, one.piece) for one in caught.value.problems]


def test_sent_letter_lies_among_the_sent_with_frozen_bytes(martin_box, dr_martin):
    letter = send(martin_box, dr_martin, files=[("été.pdf", "application/pdf", b"%PDF")])
    assert (letter.state, letter.folder.role) == (MessageState.SENT, FolderRole.SENT)
    source = source_of(letter)
    assert letter.size == len(source)
    mail = parsed(letter)
    assert mail["From"] == f"Dr Camille Martin <{MARTIN}>"
    assert mail["Message-ID"] == f"<{letter.rfc_message_id}>"
    assert letter.rfc_message_id.endswith("@ch-valbrune.mssante.example")
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("été.pdf", b"%PDF")
    assert read_message(letter).text.startswith("Bonjour,")
    assert source_of(Message.objects.get(pk=letter.pk)) == source


def test_one_delivery_for_each_recipient_once(martin_box, dr_martin):
    letter = send(martin_box, dr_martin, to=f"Dr Petit <{PETIT}>, {ROY}, {PETIT.upper()}", cc=ROY)
    rows = letter.deliveries.select_related("recipient").order_by("pk")
    assert [row.recipient.address for row in rows] == [PETIT, ROY]
    assert {row.state for row in rows} == {DeliveryState.QUEUED}
    assert {row.domain for row in rows} == {PRACTICE_DOMAIN}
    assert all(row.next_attempt_at <= timezone.now() for row in rows)
    assert letter.recipients.filter(kind=RecipientKind.CC).count() == 0


def test_copies_are_written_as_copies(martin_box, dr_martin):
    letter = send(martin_box, dr_martin, cc=ROY)
    mail = parsed(letter)
    assert getaddresses([mail["Cc"]]) == [("", ROY)]
    assert mail["Bcc"] is None
    assert letter.recipients.get(kind=RecipientKind.CC).delivery.domain == PRACTICE_DOMAIN


def test_sending_leaves_its_trail_without_content(martin_box, dr_martin):
    letter = send(martin_box, dr_martin)
    event = AuditEvent.objects.get(event=Event.MAILBOX_MESSAGE_SENT)
    assert (event.actor_id, event.message_id) == (dr_martin.pk, letter.pk)
    queued = AuditEvent.objects.get(event=Event.DELIVERY_QUEUED)
    assert queued.detail == {"delivery": letter.deliveries.get().pk, "domain": PRACTICE_DOMAIN}


def test_answer_joins_the_conversation_with_its_references(martin_box, dr_martin):
    original = receive(
        martin_box, make_letter(references="<debut@x.example>", message_id="q@x.example")
    )
    letter = send(martin_box, dr_martin, in_reply_to=original.pk)
    mail = parsed(letter)
    assert mail["In-Reply-To"] == "<q@x.example>"
    assert mail["References"].split()[-1] == "<q@x.example>"
    assert letter.references.split()[-1] == letter.in_reply_to == "q@x.example"
    assert letter.thread == original.thread


def test_answer_to_another_boxs_message_tells_nothing_of_it(martin_box, dr_martin, dr_loup):
    loup_box = Mailbox.objects.get(holder=dr_loup)
    foreign = receive(loup_box, make_letter(to=loup_box.address))
    letter = send(martin_box, dr_martin, in_reply_to=foreign.pk)
    assert parsed(letter)["References"] is None
    assert letter.thread != foreign.thread


@pytest.mark.parametrize("value", ["", "NIL-FICTIF-01"])
def test_product_reference_is_written_only_when_set(martin_box, dr_martin, settings, value):
    settings.MSS_NIL = value
    assert parsed(send(martin_box, dr_martin))["X-MSS-NIL"] == (value or None)


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("jean@gmail.example", ("outside_trust_space", "to", "jean@gmail.example")),
        ("269054958815780@patient.mssante.fr", ("patient_address", "to", None)),
        ("personne@ch-valbrune.mssante.example", ("unknown_mailbox", "to", None)),
        ("pas une adresse", ("malformed_address", "to", "pas une adresse")),
        (f"{PETIT}, <", ("malformed_address", "to", "<")),
        ("", ("no_recipient", "to", "")),
        (" ; , ", ("no_recipient", "to", "")),
    ],
)
def test_recipient_that_cannot_be_written_to_is_refused(martin_box, dr_martin, to, problem):
    reason, field, piece = problem
    found = problems_of(write_draft(martin_box, dr_martin, to=to), dr_martin)
    assert found == [(reason, field, to if piece is None else piece)]


def test_every_problem_is_told_at_once(martin_box, dr_martin):
    draft = write_draft(martin_box, dr_martin, to=f"a@b.example, {PETIT}, c@d.example", cc="x")
    reasons = [(reason, field) for reason, field, _ in problems_of(draft, dr_martin)]
    assert reasons == [
        ("outside_trust_space", "to"),
        ("outside_trust_space", "to"),
        ("malformed_address", "cc"),
    ]


def test_closed_box_of_ours_is_refused(martin_box, dr_martin):
    other = make_mailbox("fermee", "Fermée", kind=MailboxKind.ORG)
    Mailbox.objects.filter(pk=other.pk).update(status=MailboxStatus.CLOSED)
    draft = write_draft(martin_box, dr_martin, to=other.address)
    assert problems_of(draft, dr_martin) == [("closed_mailbox", "to", other.address)]


def test_patients_own_inbox_is_no_address(martin_box, dr_martin, mme_durand):
    inbox = make_mailbox("m.durand", "Mme Durand", holder=mme_durand, kind=MailboxKind.PATIENT)
    draft = write_draft(martin_box, dr_martin, to=inbox.address)
    assert problems_of(draft, dr_martin) == [("unknown_mailbox", "to", inbox.address)]


def test_too_many_recipients_are_refused(martin_box, dr_martin, settings):
    settings.RECIPIENTS_PER_MESSAGE = 2
    people = [f"p{n}@{PRACTICE_DOMAIN}" for n in range(3)]
    send(martin_box, dr_martin, to=", ".join(people[:2]))
    Delivery.objects.all().delete()
    draft = write_draft(martin_box, dr_martin, to=", ".join(people))
    assert problems_of(draft, dr_martin) == [("too_many_recipients", "to", "")]


def test_letter_too_big_once_encoded_is_refused(martin_box, dr_martin, settings):
    draft = write_draft(martin_box, dr_martin, files=[("a.bin", "application/pdf", b"x" * 80_000)])
    settings.MESSAGE_SIZE_LIMIT_OUT = 100_000
    assert problems_of(draft, dr_martin) == [("too_big", "attachments", "")]


@pytest.mark.parametrize("person", ["samia", "dr_petit", "dr_loup"])
def test_who_may_not_send_from_the_box_does_not(martin_box, dr_martin, request, person):
    actor = request.getfixturevalue(person)
    draft = write_draft(martin_box, dr_martin)
    assert problems_of(draft, actor) == [("no_right_to_send", "mailbox", "")]


def test_second_submit_sends_nothing(martin_box, dr_martin):
    draft = write_draft(martin_box, dr_martin)
    stale = Message.objects.get(pk=draft.pk)
    letter = submit_draft(draft, dr_martin)
    blobs, threads = Blob.objects.count(), Thread.objects.count()
    with pytest.raises(AlreadySentError):
        submit_draft(stale, dr_martin)
    assert Message.objects.get().rfc_message_id == letter.rfc_message_id
    assert (Delivery.objects.count(), Blob.objects.count(), Thread.objects.count()) == (
        1,
        blobs,
        threads,
    )


def test_text_saved_in_another_window_is_not_overlooked(martin_box, dr_martin):
    draft = write_draft(martin_box, dr_martin)
    save_draft(Message.objects.get(pk=draft.pk), draft_text(draft))
    with pytest.raises(AlreadySentError):
        submit_draft(draft, dr_martin)
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize("change", ["attach", "detach"])
def test_file_that_comes_or_goes_in_another_window_is_not_overlooked(
    martin_box, dr_martin, monkeypatch, change
):
    """The other window is faster than the composing of the letter."""
    draft = write_draft(martin_box, dr_martin, files=[("a.pdf", "application/pdf", b"x")])

    def slow_compose(message):
        other = Message.objects.get(pk=draft.pk)
        if change == "attach":
            attach_files(other, [UploadedPart("b.pdf", "application/pdf", b"y")])
        else:
            detach_file(other, other.attachments.get())
        return compose_message(message)

    monkeypatch.setattr(posting, "compose_message", slow_compose)
    with pytest.raises(AlreadySentError):
        submit_draft(draft, dr_martin)
    assert Delivery.objects.count() == 0
    monkeypatch.undo()
    letter = submit_draft(Message.objects.get(pk=draft.pk), dr_martin)
    files = [file.get_filename() for file in parsed(letter).iter_attachments()]
    assert files == (["a.pdf", "b.pdf"] if change == "attach" else [])


def test_bell_rings_once_per_domain_and_only_on_commit(
    martin_box, dr_martin, monkeypatch, django_capture_on_commit_callbacks
):
    rung: list[str] = []
    monkeypatch.setattr(posting, "ring_domain", rung.append)
    colleague = make_mailbox("accueil", "Accueil", kind=MailboxKind.ORG)
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        send(martin_box, dr_martin, to=f"{PETIT}, {ROY}, {colleague.address}")
    assert rung == []
    for callback in callbacks:
        callback()
    assert rung == [PRACTICE_DOMAIN, "ch-valbrune.mssante.example"]


def test_failure_inside_writes_nothing(martin_box, dr_martin, monkeypatch):
    draft = write_draft(martin_box, dr_martin)

    def fail(*_args):
        raise OSError("disk")

    monkeypatch.setattr(submit, "queue_letters", fail)
    with pytest.raises(OSError, match="disk"):
        submit_draft(draft, dr_martin)
    row = Message.objects.get()
    assert (row.state, row.source, row.reading) == (MessageState.DRAFT, None, None)
    assert not Blob.objects.exists()
    assert not AuditEvent.objects.filter(event=Event.MAILBOX_MESSAGE_SENT).exists()
