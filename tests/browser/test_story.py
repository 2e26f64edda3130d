"""The product's main job, as two doctors live it: write, attach, send, arrive, answer, know."""

from pathlib import Path

import pytest

from tests.browser.conftest import log_in, user_of

pytestmark = pytest.mark.browser

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
SUBJECT = "Avis après épreuve d’effort"


def test_letter_goes_to_the_other_operator_and_the_answer_comes_back(demo, open_page):
    hospital, practice = demo["operators"]
    martin, petit = open_page(), open_page()
    log_in(martin, hospital, "doctor")
    log_in(petit, practice, "doctor")

    martin.keyboard.press("c")
    martin.wait_for_url("**/messages/ecrire/**")
    martin.fill("[name=to]", user_of(practice, "doctor")["mailbox"])
    martin.fill("[name=subject]", SUBJECT)
    martin.fill("[name=body]", "Cher confrère,\n\nVoici le compte rendu.\n\nBien à vous.")
    martin.set_input_files(
        "[name=attachments]",
        {"name": "Compte rendu été.pdf", "mimeType": "application/pdf", "buffer": PDF},
    )
    martin.locator("[data-saved]", has_text="Enregistré").wait_for()
    martin.locator("button[value=send]:visible").click()
    martin.wait_for_url("**/conversations/**")

    # It arrives on the other side without a reload, and is opened by keyboard.
    arrived = petit.locator("[data-row]", has_text=SUBJECT)
    arrived.wait_for()
    arrived.click()
    petit.wait_for_url("**/conversations/**")
    assert petit.get_by_text("Voici le compte rendu.", exact=True).is_visible()
    with petit.expect_download() as download:
        petit.locator("a.file", has_text="Compte rendu été.pdf").click()
    assert download.value.suggested_filename == "Compte rendu été.pdf"
    assert Path(download.value.path()).read_bytes() == PDF

    # The sender's open page knows by itself.
    martin.locator(".truth--way", has_text="Accepté par son opérateur").first.wait_for()

    petit.locator("a", has_text="Répondre").first.click()
    petit.wait_for_url("**repondre=**")
    assert user_of(hospital, "doctor")["mailbox"] in petit.input_value("[name=to]")
    assert petit.input_value("[name=subject]") == f"Re: {SUBJECT}"
    body = petit.input_value("[name=body]")
    assert "> Voici le compte rendu." in body
    petit.fill("[name=body]", "Merci, chère consœur." + body)
    petit.locator("button[value=send]:visible").click()
    petit.wait_for_url("**/conversations/**")

    martin.goto(hospital["inbox_url"])
    answer = martin.locator("[data-row]", has_text=f"Re: {SUBJECT}")
    answer.wait_for()
    answer.click()
    martin.wait_for_url("**/conversations/**")
    assert martin.locator("article.msg").count() == 2
    assert martin.get_by_text("Merci, chère consœur.").first.is_visible()


def test_recipient_outside_the_trust_space_is_refused_in_words(demo, open_page):
    hospital, _ = demo["operators"]
    page = open_page()
    log_in(page, hospital, "doctor")
    page.goto(hospital["compose_url"])
    page.fill("[name=to]", "quelqu.un@gmail.example")
    page.fill("[name=body]", "Des mots qui ne doivent pas se perdre.")
    with page.expect_response(lambda answer: answer.status == 422):
        page.locator("button[value=send]:visible").click()
    assert page.get_by_text("hors de l’espace de confiance").first.is_visible()
    assert page.input_value("[name=body]") == "Des mots qui ne doivent pas se perdre."


def test_html_letter_lies_in_a_frame_that_runs_nothing(demo, open_page):
    hospital, _ = demo["operators"]
    page = open_page()
    log_in(page, hospital, "doctor")
    rows = page.locator("[data-row]")
    for index in range(rows.count()):
        rows.nth(index).click()
        page.wait_for_url("**/conversations/**")
        if page.locator("iframe").count():
            break
        page.go_back()
        page.wait_for_url("**/messages/**")
    frame = page.locator("iframe").first
    assert "allow-scripts" not in frame.get_attribute("sandbox")
    assert "allow-same-origin" not in frame.get_attribute("sandbox")
    assert page.frame_locator("iframe").first.locator("table").count() >= 1


def test_patient_comes_in_by_a_door_of_their_own(demo, open_page):
    hospital, _ = demo["operators"]
    page = open_page(viewport={"width": 360, "height": 740})
    log_in(page, hospital, "patient")
    assert page.url == hospital["portal_url"]
    page.goto(hospital["inbox_url"])
    assert "/compte/connexion/" in page.url
    assert page.locator("body").evaluate("b => b.scrollWidth <= window.innerWidth")
