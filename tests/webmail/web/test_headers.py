"""What holds for every page: policy, no copy kept, language, one rendering for the logged-out."""

import pytest
from django.urls import reverse

from tests.factories.letters import make_letter, receive
from tests.factories.visitors import browser_of

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def pages(martin_box):
    letter = receive(martin_box, make_letter(html="<p>x</p>"))
    return [
        "/messages/",
        f"/boites/{martin_box.pk}/sent/",
        f"/boites/{martin_box.pk}/inbox/nouveau/",
        f"/conversations/{letter.thread_id}/",
        f"/conversations/{letter.thread_id}/suivi/",
        "/messages/ecrire/",
        f"/messages/{letter.pk}/corps/",
        f"/messages/{letter.pk}/original/",
        "/compte/deconnexion/",
        "/nulle-part/",
        "/messages/ecrire/enregistrer/",
    ]


def test_every_answer_has_a_policy_and_is_kept_by_nobody(martin, pages):
    for page in pages:
        response = martin.get(page)
        assert "default-src 'none'" in response["Content-Security-Policy"], page
        assert "unsafe-eval" not in response["Content-Security-Policy"], page
        assert "script-src" not in response["Content-Security-Policy"] or (
            "script-src 'self'" in response["Content-Security-Policy"]
        ), page
        assert "no-store" in response["Cache-Control"], page
        assert response["X-Content-Type-Options"] == "nosniff", page
        assert response["Permissions-Policy"], page
        assert response["Referrer-Policy"] in {"same-origin", "no-referrer"}, page


@pytest.mark.parametrize("page", ["/compte/connexion/", "/patient/connexion/", "/nulle-part/"])
def test_pages_before_the_login_hold_the_same(page, db):
    response = browser_of().get(page)
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]


def test_policy_of_pages_lets_no_inline_script_in(martin):
    response = martin.get("/messages/")
    assert "unsafe-inline" not in response["Content-Security-Policy"]
    page = response.content.decode()
    assert " onclick=" not in page
    assert " style=" not in page
    assert "<style" not in page


def test_french_is_the_default(dr_martin, martin_box):
    for language in ("", "de", "fr-CA", "xx;q=bad"):
        browser = browser_of(dr_martin, **{"accept-language": language})
        page = browser.get("/messages/").content.decode()
        assert '<html lang="fr">' in page
        assert "Aucun message" in page


def test_english_is_given_to_who_asks_for_it(dr_martin, martin_box):
    browser = browser_of(dr_martin, **{"accept-language": "en-GB,en;q=0.9,fr;q=0.5"})
    page = browser.get("/messages/").content.decode()
    assert '<html lang="en">' in page
    assert "Aucun message" not in page


def test_lost_page_tells_nothing_and_has_the_house_style(martin):
    response = martin.get("/conversations/999999/")
    assert response.status_code == 404
    assert "<h1" in response.content.decode()
    assert "999999" not in response.content.decode()


def test_post_without_the_token_is_refused_in_words(dr_martin, martin_box):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True, headers={"accept-language": "fr"})
    strict.force_login(dr_martin)
    response = strict.post(reverse("compose"), {"subject": "secret du message"})
    assert response.status_code == 403
    assert "<h1" in response.content.decode()
    assert "secret du message" not in response.content.decode()


def test_addresses_hold_numbers_and_no_words_of_a_letter(martin, martin_box):
    letter = receive(martin_box, make_letter(subject="motrare", html="<p>x</p>"))
    import re

    for page in ("/messages/", f"/conversations/{letter.thread_id}/"):
        for address in re.findall(
            r'(?:href|src|action|data-[\w-]*url)="([^"]*)"', (martin.get(page).content.decode())
        ):
            assert "motrare" not in address
            assert "@" not in address
