"""The demonstration's people and letters: what is seeded, once, and whether both sides agree."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.test import override_settings

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
LATER = NOW + timedelta(seconds=4)
pytestmark = pytest.mark.django_db(databases=["default", "directory"])


@pytest.fixture(scope="module")
def reports(django_db_setup, django_db_blocker):
    """Both operators side by side, once for this module: seeding is the slow part."""
    if not settings.MASTER_KEY_FILE.exists():
        create_master_key(settings.MASTER_KEY_FILE)
    domains = [HOSPITAL.domain, PRACTICE.domain]
    with (
        django_db_blocker.unblock(),
        override_settings(MAIL_DOMAINS=domains),
        transaction.atomic(),
    ):
        # The practice a little later, as two commands would.
        yield seed_operator(HOSPITAL, now=NOW), seed_operator(PRACTICE, now=LATER)
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _seeded(reports, db):
    pass


def box_of(local_part, operator=HOSPITAL):
    return Mailbox.objects.get(address=f"{local_part}@{operator.domain}")


def test_everybody_is_there_with_a_box_where_they_should_have_one(reports):
    hospital, practice = reports
    assert (hospital.people, hospital.mailboxes) == (6, 4)
    assert (practice.people, practice.mailboxes) == (4, 2)
    assert hospital.messages + practice.messages == Message.objects.count()
    assert User.objects.get(username="nadia.kessler").kind == "professional"
    assert User.objects.get(username="monique.leroy").kind == "patient"
    admins = User.objects.filter(is_staff=True, is_superuser=True)
    assert {user.username for user in admins} == {"paul.garnier", "julie.arnaud"}


def test_the_boxes_are_as_full_as_a_few_weeks_make_them():
    counts = {box.address.partition("@")[0]: box.messages.count() for box in Mailbox.objects.all()}
    assert counts["camille.martin"] in range(35, 50)
    assert counts["hugo.petit"] in range(20, 36)
    assert min(counts.values()) >= 8


def test_a_second_run_adds_nothing():
    before = (Message.objects.count(), Blob.objects.count(), User.objects.count())
    again = seed_operator(HOSPITAL, now=NOW + timedelta(days=3))
    assert (again.people, again.mailboxes, again.messages) == (0, 0, 0)
    assert (Message.objects.count(), Blob.objects.count(), User.objects.count()) == before


def test_a_person_logs_in_with_the_printed_password():
    for person in people_of(HOSPITAL):
        assert User.objects.get(username=person.login).check_password(person.password)


def test_the_secretary_prepares_for_the_doctor_and_sends_for_the_service():
    samia = User.objects.get(username="samia.benali")
    doctor, service = box_of("camille.martin"), box_of("secretariat.cardiologie")
    assert has_right(samia, doctor.pk, Right.PREPARE)
    assert not has_right(samia, doctor.pk, Right.SEND)
    assert has_right(samia, service.pk, Right.SEND)
    assert MailboxAccess.objects.filter(user=samia).count() == 2


def test_unread_counters_equal_the_unseen_letters_of_the_inbox():
    for box in Mailbox.objects.all():
        unseen = box.messages.filter(folder__role=FolderRole.INBOX, is_seen=False)
        assert box.unread == unseen.count()
        assert not box.messages.exclude(folder__role=FolderRole.INBOX).filter(is_seen=False)
    assert box_of("camille.martin").unread == 6
    assert box_of("secretariat.cardiologie").unread == 2


def test_the_history_ends_about_an_hour_before_now():
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


def test_a_conversation_is_one_thread():
    written = {one.letter.key: one.message for one in write_letters(LETTERS, now=NOW)}
    box = box_of("camille.martin")
    for name, length in (("palpitations", 4), ("troponine", 3), ("irm", 3), ("protocole", 3)):
        identifiers = [written[f"{name}-{n + 1}"].message_id for n in range(length)]
        messages = Message.objects.filter(mailbox=box, rfc_message_id__in=identifiers)
        assert messages.count() == length
        assert messages.values("thread").distinct().count() == 1


def test_both_operators_hold_the_same_letter():
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


def test_no_delivery_is_left_for_a_sweep():
    settled = {
        DeliveryState.ACCEPTED,
        DeliveryState.DELIVERED,
        DeliveryState.READ,
        DeliveryState.FAILED,
    }
    assert set(Delivery.objects.values_list("state", flat=True)) == settled
    assert not Delivery.objects.exclude(next_attempt_at=None, lease_until=None).exists()
    assert not Delivery.objects.filter(state_at__gt=NOW).exists()


def test_a_full_mailbox_is_told_to_the_author():
    failed = Delivery.objects.get(state=DeliveryState.FAILED)
    assert failed.reason == "mailbox_full"
    notice = Message.objects.get(in_reply_to=failed.message.rfc_message_id)
    assert notice.thread == failed.message.thread
    assert subject_of(notice).startswith("Non remis")
    assert failed.recipient.address in read_message(notice).text


def test_attachments_come_back_byte_for_byte():
    papers = {paper.name: paper for letter in (*LETTERS, *DRAFTS) for paper in letter.papers}
    found = 0
    # A notice of failure carries a machine's report, which is nobody's paper.
    letters = Message.objects.exclude(from_address__startswith="mailer-daemon@")
    for message in letters.prefetch_related("attachments__blob").select_related("mailbox"):
        files = [part for part in message.attachments.all() if not part.is_inline]
        assert message.attachment_count == len(files)
        for part in files:
            date = day_in_words(message.date or message.at)
            kind, content = file_of(papers[file_name(part)], date=date)
            assert (part.content_type, content_of(part)) == (kind, content)
            assert content.startswith(b"%PDF") == (kind == "application/pdf")
            found += 1
    assert found >= 20


def test_html_letters_keep_their_table_and_their_picture():
    pages = [read_message(one) for one in Message.objects.filter(state=MessageState.RECEIVED)]
    html = [page.html for page in pages if page.html]
    assert len(html) >= 3
    assert not [page.refused for page in pages if page.refused]
    assert all("data:image/png" in page for page in html)
    assert sum("<table" in page for page in html) >= 2


def test_no_letter_was_read_with_defects():
    for message in Message.objects.exclude(state=MessageState.DRAFT).select_related("mailbox"):
        parsed = parse_message(source_of(message))
        assert parsed.defects == ()
        assert parsed.message_id == message.rfc_message_id
        assert subject_of(message)
        assert snippet_of(message)


def test_drafts_answer_letters_of_their_own_box():
    drafts = Message.objects.filter(state=MessageState.DRAFT).select_related("mailbox")
    assert set(drafts.values_list("author__username", flat=True)) == {
        "camille.martin",
        "samia.benali",
        "hugo.petit",
    }
    answers = [draft for draft in drafts if draft_text(draft).in_reply_to]
    assert len(answers) == 2
    for draft in answers:
        original = Message.objects.get(pk=draft_text(draft).in_reply_to)
        assert original.mailbox == draft.mailbox
        assert draft_text(draft).subject == f"Re: {subject_of(original)}"


def test_used_bytes_count_sources_and_files():
    for box in Mailbox.objects.all():
        files = box.messages.aggregate(total=Sum("attachments__size"))["total"] or 0
        sources = box.messages.aggregate(total=Sum("source__size"))["total"]
        readings = box.messages.filter(state=MessageState.RECEIVED)
        kept = readings.aggregate(total=Sum("reading__size"))["total"]
        assert box.used_bytes == files + sources + kept


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
