"""What a page shows: made once from the bytes, kept encrypted, made again when the rules change."""

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from tests.factories.letters import make_letter, receive
from webmail.mailbox import reading as room
from webmail.mailbox.reading import (
    DamagedContentError,
    Reading,
    keep_reading,
    make_reading,
    read_message,
    reading_of_text,
    source_of,
)
from webmail.mime.parse import parse_message
from webmail.mime.sanitize import RULES_VERSION
from webmail.mime.types import Address
from webmail.models import Blob, Message

pytestmark = pytest.mark.django_db

PIXEL = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@hypothesis_settings(max_examples=50, deadline=None)
@given(TEXT, TEXT, st.integers(0, 9), st.lists(TEXT, max_size=3))
def test_reading_comes_back_from_its_bytes(text, html, images, defects):
    reading = Reading(text, html, "", images, (Address(text, html),), tuple(defects))
    assert Reading.from_bytes(reading.to_bytes()) == reading


def test_text_of_ours_has_nothing_doubtful():
    assert reading_of_text("Bonjour").text == "Bonjour"
    assert reading_of_text("Bonjour").html == ""


def test_html_is_sanitised_before_it_is_kept(martin_box):
    message = receive(
        martin_box,
        make_letter(html='<p onclick="x()">Bonjour</p><script>x()</script>'),
    )
    reading = read_message(message)
    assert "Bonjour" in reading.html
    assert "script" not in reading.html
    assert "onclick" not in reading.html


def test_remote_image_is_counted_and_not_loaded():
    raw = make_letter(html='<p>x</p><img src="https://pisteur.example/a.png">')
    reading = make_reading(parse_message(raw))
    assert reading.blocked_images == 1
    assert "pisteur" not in reading.html


def test_kept_reading_is_read_and_not_made_again(martin_box, monkeypatch):
    message = receive(martin_box)

    def never(*_args):
        raise AssertionError("parsed again")

    monkeypatch.setattr(room, "parse_message", never)
    assert read_message(message).text == "Bonjour, merci de votre avis."


def test_reading_of_older_rules_is_made_again_and_replaces_the_old(
    martin_box, django_capture_on_commit_callbacks
):
    message = receive(martin_box)
    Message.objects.update(reading_version=0)
    stale = Reading("périmé", "", "", 0, (), ())
    keep_reading(message, stale)
    Message.objects.update(reading_version=0)
    blobs = Blob.objects.count()
    message.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        assert read_message(message).text == "Bonjour, merci de votre avis."
    assert Blob.objects.count() == blobs
    message.refresh_from_db()
    assert message.reading_version == RULES_VERSION
    assert read_message(message).text == "Bonjour, merci de votre avis."


def test_two_pages_that_make_the_same_reading_leave_one(
    martin_box, django_capture_on_commit_callbacks
):
    message = receive(martin_box)
    Message.objects.update(reading_version=0)
    first, second = Message.objects.get(pk=message.pk), Message.objects.get(pk=message.pk)
    with django_capture_on_commit_callbacks(execute=True):
        assert read_message(first) == read_message(second)
    message.refresh_from_db()
    assert message.reading.references == 1
    assert Blob.objects.count() == 2


def test_damaged_source_is_an_error_and_no_half_letter(martin_box):
    message = receive(martin_box)
    Blob.objects.filter(pk=message.source_id).update(name="aa/perdu")
    message.refresh_from_db()
    with pytest.raises(DamagedContentError):
        source_of(message)


def test_letter_without_source_says_so_by_its_number(martin_box):
    message = receive(martin_box)
    message.source = None
    with pytest.raises(LookupError, match=str(message.pk)):
        source_of(message)
