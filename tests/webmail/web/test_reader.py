"""An open conversation: marks, traces, what a body may do, what leaves as a file."""

from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.urls import reverse

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.factories.letters import MARTIN, PETIT, make_letter, receive
from tests.factories.visitors import PRACTICE_DOMAIN
from webmail.models import Blob, DeliveryState, Message
from webmail.outbound.drafts import DraftText, create_draft
from webmail.outbound.submit import submit_draft

pytestmark = pytest.mark.django_db(databases="__all__")

HOSTILE_HTML = (
    '<p style="color:red" onclick="alert(1)">Bonjour <script>alert(1)</script></p>'
    '<img src="https://suivi.example/p.gif"><form action="https://vol.example"><input></form>'
)


@pytest.fixture
def letter(martin_box):
    return receive(martin_box, make_letter())


@pytest.fixture
def html_letter(martin_box):
    return receive(martin_box, make_letter(html=HOSTILE_HTML, message_id="html@x.example"))


def open_thread(browser, message):
    return browser.get(reverse("thread", args=[message.thread_id]))


def traces(event):
    return list(
        AuditEvent.objects.filter(event=event).order_by("id").values_list("actor", "message_id")
    )


def test_opening_marks_seen_and_leaves_one_trace_per_message(martin, dr_martin, martin_box, letter):
    answer = receive(
        martin_box,
        make_letter(message_id="suite@x.example", In_Reply_To=f"<{letter.rfc_message_id}>"),
    )
    assert open_thread(martin, letter).status_code == 200
    martin_box.refresh_from_db()
    assert martin_box.unread == 0
    assert not Message.objects.filter(is_seen=False).exists()
    assert traces(Event.MAILBOX_MESSAGE_READ) == [
        (dr_martin.pk, letter.pk),
        (dr_martin.pk, answer.pk),
    ]


def test_opening_twice_leaves_two_traces(martin, letter):
    open_thread(martin, letter)
    open_thread(martin, letter)
    assert len(traces(Event.MAILBOX_MESSAGE_READ)) == 2


def test_who_may_only_read_leaves_it_unread_for_the_others(reader, dr_petit, martin_box, letter):
    assert open_thread(reader, letter).status_code == 200
    martin_box.refresh_from_db()
    letter.refresh_from_db()
    assert (martin_box.unread, letter.is_seen) == (1, False)
    assert traces(Event.MAILBOX_MESSAGE_READ) == [(dr_petit.pk, letter.pk)]


def test_who_may_only_read_is_offered_no_answer(reader, martin, letter):
    assert b"repondre=" not in open_thread(reader, letter).content
    assert b"repondre=" in open_thread(martin, letter).content


def test_refused_reading_leaves_no_trace_of_reading(stranger, letter):
    assert open_thread(stranger, letter).status_code == 404
    assert traces(Event.MAILBOX_MESSAGE_READ) == []


def test_text_of_the_sender_is_escaped(martin, martin_box):
    letter = receive(
        martin_box,
        make_letter(
            sender='"<img src=x onerror=alert(1)>" <x@cabinet-tilleuls.mssante.example>',
            subject="</title><script>alert(2)</script>",
            text="<script>alert(3)</script> & voilà",
        ),
    )
    page = open_thread(martin, letter).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(3)" in page


def test_subject_is_not_in_the_title_of_the_page(martin, letter):
    """Titles stay in the history of a browser that others use."""
    page = open_thread(martin, letter).content.decode()
    title = page[page.index("<title>") : page.index("</title>")]
    assert "Avis cardiologique" not in title


def test_body_is_under_its_own_policy(martin, html_letter):
    response = martin.get(reverse("message_body", args=[html_letter.pk]))
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    sandbox = policy[policy.index("sandbox") :]
    assert "allow-scripts" not in sandbox
    assert "allow-same-origin" not in sandbox
    assert "img-src data:;" in policy
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_body_holds_nothing_active_and_nothing_from_outside(martin, html_letter):
    body = martin.get(reverse("message_body", args=[html_letter.pk])).content.decode().lower()
    for evil in ("<script", "onclick", "suivi.example", "<form", "<input"):
        assert evil not in body
    assert "bonjour" in body


def test_blocked_images_are_said(martin, html_letter):
    page = open_thread(martin, html_letter).content.decode()
    assert "sandbox=" in page
    assert "Les images" in page


def test_letter_of_plain_text_has_no_frame(martin, letter):
    assert martin.get(reverse("message_body", args=[letter.pk])).status_code == 404
    assert b"<iframe" not in open_thread(martin, letter).content


def test_source_is_byte_for_byte_and_traced(martin, dr_martin, martin_box):
    raw = make_letter()
    letter = receive(martin_box, raw)
    response = martin.get(reverse("message_source", args=[letter.pk]))
    assert response.content.endswith(raw)
    assert response["Content-Type"] == "message/rfc822"
    assert response["Content-Disposition"] == f'attachment; filename="message-{letter.pk}.eml"'
    assert "no-store" in response["Cache-Control"]
    assert traces(Event.MAILBOX_SOURCE_DOWNLOADED) == [(dr_martin.pk, letter.pk)]


def test_damaged_letter_is_said_to_be_there(martin, letter):
    """A stored content that does not open is announced, never shown in part and never hidden."""
    damaged = bytes(letter.reading.content[:-3]) + b"xxx"
    Blob.objects.filter(pk=letter.reading.pk).update(content=damaged)
    page = open_thread(martin, letter)
    assert page.status_code == 200
    assert "abîmé" in page.content.decode()


def send(mailbox, actor, **fields):
    draft = create_draft(mailbox, actor, DraftText(**{"to": PETIT, "body": "Merci.", **fields}))
    return submit_draft(draft, actor)


def live_url(message, modseq=""):
    return f"{reverse('thread_live', args=[message.thread_id])}?modseq={modseq}"


def test_open_letter_is_told_what_becomes_of_it(martin, dr_martin, martin_box):
    letter = send(martin_box, dr_martin)
    martin_box.refresh_from_db()
    assert martin.get(live_url(letter, martin_box.modseq)).status_code == 204
    response = martin.get(live_url(letter, martin_box.modseq - 1))
    assert response.status_code == 200
    assert "en route" in response.content.decode()
    assert b"<html" not in response.content


def test_open_letter_stops_asking_when_nothing_can_change(martin, dr_martin, martin_box):
    letter = send(martin_box, dr_martin)
    letter.deliveries.update(state=DeliveryState.FAILED, reason="unknown_recipient")
    response = martin.get(live_url(letter))
    assert response.status_code == 286
    assert "adresse inconnue" in response.content.decode()


def test_failed_delivery_is_told_with_its_cure(martin, dr_martin, martin_box):
    letter = send(martin_box, dr_martin)
    letter.deliveries.update(state=DeliveryState.FAILED, reason="mailbox_full")
    page = open_thread(martin, letter).content.decode()
    assert "boîte pleine" in page.lower() or "pleine" in page
    assert "track-failed" in page


def test_listed_domain_is_asked_once_however_many_letters(martin, martin_box, letter):
    """The cost of a conversation grows by each message, not by its correspondents."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    open_thread(martin, letter)
    with CaptureQueriesContext(connections["default"]) as one:
        open_thread(martin, letter)
    for n in range(5):
        receive(
            martin_box,
            make_letter(message_id=f"s{n}@x.example", In_Reply_To=f"<{letter.rfc_message_id}>"),
        )
    open_thread(martin, letter)
    with CaptureQueriesContext(connections["default"]) as six:
        open_thread(martin, letter)
    # Per message: its trace, and the blob's row where the reading is opened.
    assert len(six) - len(one) <= 5 * 3


def test_names_of_recipients_are_shown(martin, martin_box):
    letter = receive(
        martin_box,
        make_letter(to=f"Camille Martin <{MARTIN}>", Cc=f"Accueil <a@{PRACTICE_DOMAIN}>"),
    )
    page = open_thread(martin, letter).content.decode()
    assert "À Camille Martin" in page
    assert "Accueil" in page


def test_damaged_content_is_told_in_words(client, martin_box, dr_martin, settings):
    settings.INLINE_BYTES = -1
    message = receive(martin_box)
    Path(storages["blobs"].path(message.source.name)).write_bytes(b"MSF1 and nothing of sense")
    client.force_login(dr_martin)
    answer = client.get(f"/messages/{message.pk}/original/")
    assert answer.status_code == 500
    assert "endommagé" in answer.content.decode()


def test_html_letter_lies_on_white_paper_in_every_theme(martin, martin_box):
    letter = receive(martin_box, make_letter(text="", html='<div style="color:#000">mot</div>'))
    body = martin.get(f"/messages/{letter.pk}/corps/").content.decode()
    assert "color-scheme:light}" in body
    assert "background:#fff;color:#111" in body
