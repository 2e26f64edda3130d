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
    base = hospital["url"].rstrip("/")
    for address in (hospital["inbox_url"], base + first, base + sent, hospital["compose_url"]):
        page.goto(address)
        assert (address, violations(page)) == (address, [])
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
