"""Writing as only a browser shows it: what is chosen is kept, two windows do not fight, keys and
focus do what hands expect, and letters are read on white paper.
"""

import pytest

from tests.browser.conftest import log_in, user_of
from webmail.web.reader import _BODY_STYLE

pytestmark = pytest.mark.browser

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
ECG = {"name": "ECG.pdf", "mimeType": "application/pdf", "buffer": PDF}
WHITE = "rgb(255, 255, 255)"


def write(page, operator):
    log_in(page, operator, "doctor")
    page.goto(operator["compose_url"])


def type_and_save(page, words):
    with page.expect_response(lambda answer: "/enregistrer/" in answer.url) as answer:
        page.fill("[name=body]", words)
    return answer.value.status


def chosen(page):
    return page.eval_on_selector("[name=attachments]", "field => field.files.length")


def colours(frame):
    return frame.locator("body").evaluate(
        "body => [getComputedStyle(body).backgroundColor, getComputedStyle(body).color]"
    )


def test_letters_are_read_on_white_paper_in_the_dark(open_page):
    page = open_page(color_scheme="dark")
    letter = '<div style="color:#000">mot</div><table bgcolor="#fff"><td>cellule</td></table>'
    page.set_content(f"<!DOCTYPE html><html><head>{_BODY_STYLE}</head><body>{letter}</body></html>")
    assert colours(page) == [WHITE, "rgb(17, 17, 17)"]
    cell = page.locator("td").evaluate("cell => getComputedStyle(cell).color")
    assert cell == "rgb(17, 17, 17)"


def test_frame_of_a_letter_is_white_in_the_dark(demo, open_page):
    page = open_page(color_scheme="dark")
    log_in(page, demo["operators"][0], "doctor")
    addresses = page.locator("[data-row]").evaluate_all("rows => rows.map(row => row.href)")
    for address in addresses:
        page.goto(address)
        if page.locator("iframe").count():
            break
    assert colours(page.frame_locator("iframe").first)[0] == WHITE


def test_chosen_document_is_in_the_draft_at_once(demo, open_page):
    page = open_page()
    write(page, demo["operators"][0])
    page.set_input_files("[name=attachments]", ECG)
    page.locator("[data-kept] .file", has_text="ECG.pdf").wait_for()
    assert chosen(page) == 0
    assert page.locator("[data-chosen] .file").count() == 0
    number = page.input_value("[name=draft]")
    page.goto(f"{page.url.partition('?')[0]}?brouillon={number}")
    assert page.locator("[data-kept] .file").all_inner_texts()[0].startswith("ECG.pdf")


def test_document_that_could_not_be_kept_stays_chosen_and_is_not_left_silently(demo, chromium):
    context = chromium.new_context(locale="fr-FR")
    page = context.new_page()
    try:
        write(page, demo["operators"][0])
        page.route("**/enregistrer/", lambda route: route.abort())
        page.set_input_files("[name=attachments]", ECG)
        page.locator("[data-saved].is-late").wait_for()
        assert chosen(page) == 1
        assert page.locator("[data-chosen] .file").count() == 1
        page.locator("[name=to]").press("Tab")
        asked: list[str] = []

        def answer(dialog):
            asked.append(dialog.type)
            dialog.accept()

        page.on("dialog", answer)
        page.reload()
        assert asked == ["beforeunload"]
    finally:
        context.close()


def test_document_chosen_while_nothing_is_saved_leaves_with_the_form(demo, open_page):
    hospital, practice = demo["operators"]
    page = open_page()
    write(page, hospital)
    page.fill("[name=to]", user_of(practice, "doctor")["mailbox"])
    page.fill("[name=subject]", "Sans attendre")
    page.set_input_files("[name=attachments]", ECG)
    page.locator("button[value=send]:visible").click()
    page.wait_for_url("**/conversations/**")
    assert page.locator("article.msg a.file", has_text="ECG.pdf").count() == 1


def test_document_too_big_is_refused_beside_it_and_can_be_taken_out(demo, open_page):
    page = open_page()
    write(page, demo["operators"][0])
    page.set_input_files("[name=attachments]", {**ECG, "buffer": b"x" * 26_000_000})
    page.locator("[data-refused]:visible", has_text="trop lourds").wait_for()
    page.locator("[data-chosen] button").click()
    assert page.locator("[data-refused]").is_hidden()
    page.set_input_files("[name=attachments]", ECG)
    page.locator("[data-kept] .file").wait_for()


def test_second_window_is_told_and_the_person_chooses(demo, open_page):
    page = open_page()
    write(page, demo["operators"][0])
    assert type_and_save(page, "premier texte") == 200
    page.locator("[data-saved]", has_text="Enregistré").wait_for()
    other = page.context.new_page()
    other.goto(f"{page.url.partition('?')[0]}?brouillon={page.input_value('[name=draft]')}")
    assert type_and_save(other, "texte de l’autre") == 200

    assert type_and_save(page, "texte d’ici") == 409
    notice = page.locator("[data-conflict] [role=alert]", has_text="modifié dans une autre fenêtre")
    notice.wait_for()
    assert page.input_value("[name=body]") == "texte d’ici"
    notice.locator("summary").click()
    assert notice.get_by_text("texte de l’autre", exact=True).is_visible()
    notice.get_by_role("button", name="Garder ce texte").click()
    page.get_by_text("Brouillon enregistré.").wait_for()
    assert page.input_value("[name=body]") == "texte d’ici"
    # From there it saves by itself again.
    assert type_and_save(page, "texte d’ici, suite") == 200
    assert type_and_save(page, "texte d’ici, suite et fin") == 200
    assert not page.locator("[data-conflict] [role=alert]").count()


def test_hand_begins_in_the_first_empty_field_and_sends_by_key(demo, open_page):
    hospital, practice = demo["operators"]
    page = open_page()
    write(page, hospital)
    page.keyboard.type(user_of(practice, "doctor")["mailbox"])
    assert page.input_value("[name=to]") == user_of(practice, "doctor")["mailbox"]
    page.fill("[name=body]", "Un mot.")
    page.locator("[name=body]").press("Control+Enter")
    page.wait_for_url("**/conversations/**")


def test_hour_of_the_save_is_seen_on_a_phone(demo, open_page):
    page = open_page(viewport={"width": 360, "height": 740})
    write(page, demo["operators"][0])
    page.fill("[name=body]", "Du téléphone.")
    saved = page.locator("[data-saved]", has_text="Enregistré à")
    saved.wait_for()
    place = saved.bounding_box()
    assert place["width"] > 60
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 360
    assert place["y"] + place["height"] <= 740
    right_of_it = page.locator("button[value=discard]").bounding_box()
    assert place["x"] + place["width"] <= right_of_it["x"] + 1


def test_discarded_draft_comes_back_by_one_tap(demo, open_page):
    page = open_page()
    write(page, demo["operators"][0])
    page.fill("[name=body]", "Jeté par mégarde.")
    page.locator("button[value=discard]").click()
    page.get_by_role("button", name="Annuler").click()
    page.wait_for_url("**brouillon=**")
    assert page.input_value("[name=body]") == "Jeté par mégarde."
