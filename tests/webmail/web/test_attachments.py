"""Files leave as files, whatever the sender called them."""

import re
from urllib.parse import unquote

import pytest
from django.urls import reverse

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.factories.letters import make_letter, receive
from webmail.outbound.drafts import DraftText, UploadedPart, attach_files, create_draft

pytestmark = pytest.mark.django_db(databases="__all__")


def receive_file(mailbox, *, name="ECG.pdf", kind="application/pdf", content=b"%PDF-1.4 contenu"):
    message = receive(mailbox, make_letter(files=[(name, kind, content)]))
    return message.attachments.get()


def download(browser, attachment):
    return browser.get(reverse("attachment", args=[attachment.pk]))


def shown_name(response):
    """The name a browser saves the file under (RFC 6266 §4.3: the extended form wins)."""
    header = response["Content-Disposition"]
    extended = re.search(r"filename\*=utf-8''([^;]+)", header)
    if extended:
        return unquote(extended[1])
    (plain,) = re.findall(r'filename="((?:[^"\\]|\\.)*)"', header)
    return plain


def test_file_comes_back_byte_for_byte_and_leaves_its_trace(martin, dr_martin, martin_box):
    content = bytes(range(256)) * 50
    part = receive_file(martin_box, content=content)
    response = download(martin, part)
    assert response.content == content
    assert response["Content-Disposition"] == 'attachment; filename="ECG.pdf"'
    event = AuditEvent.objects.get(event=Event.MAILBOX_ATTACHMENT_DOWNLOADED)
    assert (event.actor, event.message_id, event.detail) == (dr_martin, part.message_id, {})


@pytest.mark.parametrize(
    "name",
    [
        'devis "urgent".pdf',
        "été à Nîmes.pdf",
        "a;b=c.pdf",
        "../../etc/passwd",
        "photo\u202efdp.exe",
        "ligne\r\nSet-Cookie: a=b.pdf",
        "ligne\nSet-Cookie: a=b.pdf",
        "x" * 300 + ".pdf",
        "é" * 300 + ".pdf",
        "%0d%0aX: y.pdf",
        "医療.pdf",
        "CON.pdf",
        ".htaccess",
        "a\\b.pdf",
        "nul\x00.pdf",
    ],
)
def test_hostile_name_does_no_harm(martin, dr_martin, martin_box, name):
    """Also when a name was kept as it came: the header alone must hold."""
    draft = create_draft(martin_box, dr_martin, DraftText())
    attach_files(draft, [UploadedPart(name, "application/pdf", b"x")])
    response = download(martin, draft.attachments.get())
    header = response["Content-Disposition"]
    assert response.status_code == 200
    assert header.startswith("attachment")
    assert not re.search(r"[\x00-\x1f\x7f]", header)
    assert header.isascii()
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("été à Nîmes.pdf", "été à Nîmes.pdf"),
        ("../../etc/passwd", "passwd"),
        ("photo\u202efdp.exe", "photofdp.exe"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ('devis "urgent".pdf', "devis _urgent_.pdf"),
    ],
)
def test_received_name_is_shown_and_saved_cleaned(martin, martin_box, name, shown):
    response = download(martin, receive_file(martin_box, name=name))
    assert shown_name(response) == shown


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"]
)
def test_type_a_browser_would_run_is_not_told(martin, martin_box, kind):
    response = download(
        martin, receive_file(martin_box, name="page", kind=kind, content=b"<script>")
    )
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox")
    assert response["Content-Disposition"].startswith("attachment")
    assert "no-store" in response["Cache-Control"]


def test_file_without_a_name_can_be_taken(martin, dr_martin, martin_box):
    draft = create_draft(martin_box, dr_martin, DraftText())
    attach_files(draft, [UploadedPart("", "application/pdf", b"x")])
    response = download(martin, draft.attachments.get())
    assert response["Content-Disposition"].startswith("attachment")


def test_file_of_a_draft_is_not_for_readers(reader, secretary, dr_martin, martin_box):
    draft = create_draft(martin_box, dr_martin, DraftText())
    attach_files(draft, [UploadedPart("a.pdf", "application/pdf", b"x")])
    part = draft.attachments.get()
    assert download(reader, part).status_code == 404
    assert download(secretary, part).status_code == 200
    assert AuditEvent.objects.filter(event=Event.MAILBOX_ATTACHMENT_DOWNLOADED).count() == 1


def test_name_without_a_letter_is_still_a_row_on_the_page(martin, martin_box):
    part = receive_file(martin_box, name="///")
    page = martin.get(reverse("thread", args=[part.message.thread_id])).content.decode()
    assert reverse("attachment", args=[part.pk]) in page
