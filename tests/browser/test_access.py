"""Every page under axe, in both themes, at desk and phone width; nothing wider than the screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import log_in

pytestmark = pytest.mark.browser

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page):
    found = (
        Axe()
        .run(page, options={"preload": False, "runOnly": {"type": "tag", "values": TAGS}})
        .response
    )
    return [(one["id"], one["nodes"][0]["html"][:120]) for one in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_pages_pass_axe_and_fit(demo, open_page, scheme, width):
    hospital, _ = demo["operators"]
    # axe measures with styles of its own, which our policy would refuse.
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    page.goto(hospital["login_url"])
    assert violations(page) == []
    log_in(page, hospital, "doctor")
    first = page.locator("[data-row]").first.get_attribute("href")
    sent = page.locator("a[href$='/sent/']").first.get_attribute("href")
    outbox = page.locator("a[href$='/envoi/']").first.get_attribute("href")
    base = hospital["url"].rstrip("/")
    pages = [first, sent, outbox, outbox.replace("/envoi/", "/series/")]
    for address in (hospital["inbox_url"], hospital["compose_url"], *(base + one for one in pages)):
        page.goto(address)
        assert (address, violations(page)) == (address, [])
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address


@pytest.mark.parametrize("width", [1440, 360])
def test_outbox_tells_of_a_silent_operator_and_takes_a_letter_back(demo, open_page, width):
    hospital, _ = demo["operators"]
    page = open_page(viewport={"width": width, "height": 800}, bypass_csp=True)
    log_in(page, hospital, "doctor")
    page.goto(hospital["compose_url"])
    page.fill("[name=to]", "accueil.tres.long.pour.un.telephone@labo-bioval.mssante.example")
    page.fill("[name=subject]", f"Résultat {width}")
    page.fill("[name=body]", "Bonjour.")
    page.click("button[value=send]")
    page.wait_for_url("**/conversations/**")
    outbox = page.locator("a[href$='/envoi/']").first.get_attribute("href")
    page.goto(hospital["url"].rstrip("/") + outbox)
    row = page.locator(".wait", has_text=f"Résultat {width}")
    row.wait_for()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    row.get_by_role("button", name="Essayer maintenant").click()
    page.get_by_text("est tenté maintenant").wait_for()
    row = page.locator(".wait", has_text=f"Résultat {width}")
    row.locator(".truth", has_text="Injoignable").wait_for(timeout=30_000)
    row.get_by_role("button", name="Ne pas envoyer").click()
    page.get_by_text("a été annulé").wait_for()
    assert page.locator(".wait", has_text=f"Résultat {width}").count() == 0
