"""The demonstration's people and letters: what is seeded, once, and whether both sides agree."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from accounts.keyring import create_master_key
from accounts.models import User
from mssante.demo.letters import DRAFTS, LETTERS
from mssante.demo.letters.letter import moment_of, prose
from mssante.demo.letters.signatures import SIGNATURES
from mssante.demo.operators import HOSPITAL, PRACTICE
from mssante.demo.papers import file_of
from mssante.demo.people import address_book, boxes_of, people_of
from mssante.demo.seeding import seed_operator
from mssante.demo.written import day_in_words, write_letters
from webmail.mailbox.access import has_right
from webmail.mailbox.reading import (
    content_of,
    file_name,
    person_of,
    read_message,
    snippet_of,
    source_of,
    subject_of,
)
from webmail.mime.parse import parse_message
from webmail.models import (
    Blob,
    Delivery,
    DeliveryState,
    FolderRole,
    Mailbox,
    MailboxAccess,
    Message,
    MessageState,
    Right,
)
from webmail.outbound.drafts import draft_text

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db(databases=["default", "directory"])


@pytest.fixture(autouse=True)
def _site(settings, tmp_path):
    settings.IS_DEMO = True
    settings.MAIL_DOMAINS = [HOSPITAL.domain, PRACTICE.domain]
    settings.BLOB_DIR = tmp_path / "blobs"
    if not settings.MASTER_KEY_FILE.exists():
        create_master_key(settings.MASTER_KEY_FILE)


@pytest.fixture
def hospital():
    return seed_operator(HOSPITAL, now=NOW)


def box_of(local_part, operator=HOSPITAL):
    return Mailbox.objects.get(address=f"{local_part}@{operator.domain}")


def test_the_hospital_has_its_people_and_boxes(hospital):
    assert (hospital.people, hospital.mailboxes) == (6, 4)
    assert hospital.messages == Message.objects.count()
    assert User.objects.get(username="nadia.kessler").kind == "professional"
    assert User.objects.get(username="monique.leroy").kind == "patient"
    assert User.objects.get(username="paul.garnier").is_superuser
    assert not User.objects.filter(is_staff=True).exclude(username="paul.garnier").exists()


def test_the_boxes_are_as_full_as_a_few_weeks_make_them(hospital):
    seed_operator(PRACTICE, now=NOW)
    counts = {
        box.address.partition("@")[0] + "@" + box.address[-25:]: box.messages.count()
        for box in Mailbox.objects.all()
    }
    sizes = sorted(counts.values())
    assert box_of("camille.martin").messages.count() in range(35, 50)
    assert box_of("hugo.petit", PRACTICE).messages.count() in range(20, 36)
    assert sizes[0] >= 8


def test_a_second_run_adds_nothing(hospital):
    before = (Message.objects.count(), Blob.objects.count(), User.objects.count())
    again = seed_operator(HOSPITAL, now=NOW + timedelta(days=3))
    assert (again.people, again.mailboxes, again.messages) == (0, 0, 0)
    assert (Message.objects.count(), Blob.objects.count(), User.objects.count()) == before


def test_a_person_logs_in_with_the_printed_password(hospital):
    for person in people_of(HOSPITAL):
        assert User.objects.get(username=person.login).check_password(person.password)


def test_the_secretary_prepares_for_the_doctor_and_sends_for_the_service(hospital):
    samia = User.objects.get(username="samia.benali")
    doctor, service = box_of("camille.martin"), box_of("secretariat.cardiologie")
    assert has_right(samia, doctor.pk, Right.PREPARE)
    assert not has_right(samia, doctor.pk, Right.SEND)
    assert has_right(samia, service.pk, Right.SEND)
    assert MailboxAccess.objects.filter(user=samia).count() == 2


def test_unread_counters_equal_the_unseen_letters_of_the_inbox(hospital):
    for box in Mailbox.objects.all():
        unseen = box.messages.filter(folder__role=FolderRole.INBOX, is_seen=False)
        assert box.unread == unseen.count()
        assert not box.messages.exclude(folder__role=FolderRole.INBOX).filter(is_seen=False)
    assert box_of("camille.martin").unread == 6
    assert box_of("secretariat.cardiologie").unread == 2


def test_the_history_ends_about_an_hour_before_now(hospital):
    moments = Message.objects.order_by("at").values_list("at", flat=True)
    newest, oldest = list(moments)[-1], moments[0]
    assert timedelta(minutes=55) < NOW - newest < timedelta(minutes=75)
    assert timedelta(days=20) < NOW - oldest < timedelta(days=25)


def test_answers_come_after_what_they_answer_at_any_hour():
    by_key = {letter.key: letter for letter in LETTERS}
    for hour in range(24):
        now = NOW.replace(hour=hour)
        for letter in LETTERS:
            moment = moment_of(letter.days_ago, letter.clock, now=now)
            assert moment < now
            if letter.answers:
                first = by_key[letter.answers]
                assert moment_of(first.days_ago, first.clock, now=now) < moment


def test_a_conversation_is_one_thread(hospital):
    written = {one.letter.key: one.message for one in write_letters(LETTERS, now=NOW)}
    box = box_of("camille.martin")
    for name, length in (("palpitations", 4), ("troponine", 3), ("irm", 3), ("protocole", 3)):
        identifiers = [written[f"{name}-{n + 1}"].message_id for n in range(length)]
        messages = Message.objects.filter(mailbox=box, rfc_message_id__in=identifiers)
        assert messages.count() == length
        assert messages.values("thread").distinct().count() == 1


def test_both_operators_hold_the_same_letter(hospital):
    seed_operator(PRACTICE, now=NOW + timedelta(seconds=4))
    sent = box_of("camille.martin").messages.filter(state=MessageState.SENT)
    petit = box_of("hugo.petit", PRACTICE)
    letters = 0
    for message in sent.prefetch_related("recipients"):
        addresses = [person_of(one, message.mailbox).address for one in message.recipients.all()]
        if petit.address not in addresses:
            continue
        copy = petit.messages.get(rfc_message_id=message.rfc_message_id)
        assert copy.state == MessageState.RECEIVED
        assert subject_of(copy) == subject_of(message)
        assert copy.in_reply_to == message.in_reply_to
        assert copy.peer == HOSPITAL.domain
        assert read_message(copy).text.strip() == read_message(message).text.strip()
        letters += 1
    assert letters >= 6


def test_no_delivery_is_left_for_a_sweep(hospital):
    seed_operator(PRACTICE, now=NOW)
    settled = {
        DeliveryState.ACCEPTED,
        DeliveryState.DELIVERED,
        DeliveryState.READ,
        DeliveryState.FAILED,
    }
    assert set(Delivery.objects.values_list("state", flat=True)) == settled
    assert not Delivery.objects.exclude(next_attempt_at=None, lease_until=None).exists()
    assert not Delivery.objects.filter(state_at__gt=NOW).exists()


def test_a_full_mailbox_is_told_to_the_author(hospital):
    failed = Delivery.objects.get(state=DeliveryState.FAILED)
    assert failed.reason == "mailbox_full"
    notice = Message.objects.get(in_reply_to=failed.message.rfc_message_id)
    assert notice.thread == failed.message.thread
    assert subject_of(notice).startswith("Non remis")
    assert failed.recipient.address in read_message(notice).text


def test_attachments_come_back_byte_for_byte(hospital):
    papers = {paper.name: paper for letter in (*LETTERS, *DRAFTS) for paper in letter.papers}
    found = 0
    for message in Message.objects.prefetch_related("attachments__blob").select_related("mailbox"):
        files = [part for part in message.attachments.all() if not part.is_inline]
        assert message.attachment_count == len(files)
        for part in files:
            date = day_in_words(message.date or message.at)
            kind, content = file_of(papers[file_name(part)], date=date)
            assert (part.content_type, content_of(part)) == (kind, content)
            assert content.startswith(b"%PDF") == (kind == "application/pdf")
            found += 1
    assert found >= 20


def test_html_letters_keep_their_table_and_their_picture(hospital):
    pages = [read_message(one) for one in Message.objects.filter(state=MessageState.RECEIVED)]
    html = [page.html for page in pages if page.html]
    assert len(html) >= 3
    assert not [page.refused for page in pages if page.refused]
    assert all("data:image/png" in page for page in html)
    assert sum("<table" in page for page in html) >= 2


def test_no_letter_was_read_with_defects(hospital):
    for message in Message.objects.exclude(state=MessageState.DRAFT).select_related("mailbox"):
        parsed = parse_message(source_of(message))
        assert parsed.defects == ()
        assert parsed.message_id == message.rfc_message_id
        assert subject_of(message)
        assert snippet_of(message)


def test_drafts_answer_letters_of_their_own_box(hospital):
    drafts = Message.objects.filter(state=MessageState.DRAFT).select_related("mailbox", "author")
    assert {draft.author.username for draft in drafts} == {"camille.martin", "samia.benali"}
    for draft in drafts:
        original = Message.objects.get(pk=draft_text(draft).in_reply_to)
        assert original.mailbox == draft.mailbox
        assert draft_text(draft).subject == f"Re: {subject_of(original)}"


def test_used_bytes_count_every_stored_file(hospital):
    for box in Mailbox.objects.all():
        assert box.used_bytes > 0


def test_every_letter_names_people_who_exist():
    book = address_book()
    for letter in LETTERS:
        assert {letter.author, *letter.to, *letter.cc} <= book.keys()
        assert {*letter.unread_by, *letter.archived_by} <= {*letter.to, *letter.cc}
    assert len({letter.key for letter in LETTERS}) == len(LETTERS)
    assert SIGNATURES.keys() == book.keys()


def test_every_address_is_an_example():
    assert all(person.address.endswith(".example") for person in address_book().values())
    for operator in (HOSPITAL, PRACTICE):
        for person in people_of(operator):
            assert not person.national_id or person.national_id.startswith("8999")
            assert len(person.national_id) in {0, 12}
        assert len({box.key for box in boxes_of(operator)}) == len(boxes_of(operator))


def test_prose_joins_lines_and_keeps_lists():
    text = prose("""
        Bonjour « docteur »,

        Une ligne
        et sa suite : 5 mg ?

        - un ;
        - deux.

        | Dr A
        | Service B
    """)
    assert text == (
        "Bonjour «\u00a0docteur\u00a0»,\n\nUne ligne et sa suite\u00a0: 5\u00a0mg\u00a0?\n\n"
        "- un\u00a0;\n- deux.\n\nDr A\nService B"
    )


def test_the_command_refuses_outside_the_demonstration(settings):
    settings.IS_DEMO = False
    with pytest.raises(CommandError):
        call_command("seed_demo")
    assert not User.objects.exists()


def test_the_command_fills_the_operator_of_the_settings(settings, capsys):
    settings.OPERATOR_KEY = PRACTICE.key
    call_command("seed_demo")
    assert User.objects.filter(username="hugo.petit").exists()
    assert "4 people, 2 mailboxes" in capsys.readouterr().out
