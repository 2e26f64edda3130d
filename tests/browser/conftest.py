"""The running demonstration and Debian's Chromium, for stories only a browser can show."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "var" / "browser-demo"
PORT_BASE = 18400
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def demo():
    """Two fresh operators on ports of their own; gives what ``demo.json`` says."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    log = CHECKOUT / "var" / "browser-demo.log"
    command = [sys.executable, "-m", "mssante.demo", "run"]
    options = ["--port-base", str(PORT_BASE), "--folder", str(FOLDER)]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *options], stdout=output, stderr=output, cwd=CHECKOUT)
        try:
            yield _facts(process, log)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    assert not (FOLDER / "demo.json").exists()
    shutil.rmtree(FOLDER)


def _facts(process, log):
    path = FOLDER / "demo.json"
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    return json.loads(path.read_text())


@pytest.fixture(scope="session")
def chromium():
    assert CHROMIUM.exists(), "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Pages in contexts of their own; a script error or a refused resource fails the test."""
    contexts, faults = [], []

    def note(line):
        # A refused letter is a 422 and a draft in two windows a 409, which the browser tells its
        # console too.
        if line.type == "error" and not any(code in line.text for code in ("409", "422")):
            faults.append(f"{line.text} {line.location['url']}")

    def start(**options):
        options = {"locale": "fr-FR", "viewport": {"width": 1440, "height": 900}, **options}
        context = chromium.new_context(**options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", note)
        return page

    yield start
    for context in contexts:
        context.close()
    assert faults == []


def user_of(operator, role):
    return next(user for user in operator["users"] if user["role"] == role)


def log_in(page, operator, role):
    user = user_of(operator, role)
    page.goto(operator["portal_url"] if role == "patient" else operator["login_url"])
    page.fill("[name=login]", user["login"])
    page.fill("[name=password]", user["password"])
    page.press("[name=password]", "Enter")
    page.wait_for_load_state()
    return user
