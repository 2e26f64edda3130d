"""PostgreSQL and Redis go, come back, say no or make wait, under a whole site of ours: nothing that
was answered for is lost, people are told, and no process of ours has to be started again.
"""

import contextlib
import signal
import threading
import time

import psycopg
import pytest

from mssante.demo.operators import PRACTICE
from tests.factories.letters import MARTIN, PETIT
from tests.faults.driver import Driver
from tests.faults.servers import breakable_servers
from tests.faults.site import HOME, WRITE, Browser, route_to, running_site, wait_for

pytestmark = pytest.mark.fault

DONE = {"accepted", "delivered"}
PAUSE = "Notre stockage fait une pause"


@pytest.fixture(scope="module")
def servers():
    with breakable_servers() as both:
        yield both


@pytest.fixture(scope="module")
def site(servers, tmp_path_factory, toy_space, peer):
    postgres, redis = servers
    options = {"database": postgres.url, "broker": redis.url, "routes": route_to(peer)}
    folder = tmp_path_factory.mktemp("site")
    with running_site(folder, toy_space.root, **options) as one:
        yield one


@pytest.fixture(scope="module")
def driver(site, client_context):
    return Driver(site.smtp_port, client_context)


@pytest.fixture(scope="module")
def browser(site):
    return Browser(site).log_in()


@pytest.fixture
def postgres(servers):
    return servers[0]


@pytest.fixture
def redis(servers):
    return servers[1]


@pytest.fixture(autouse=True)
def _healed(site, driver, browser, request):
    """Whatever broke: soon afterwards everything works again, by itself, and nothing is missing."""
    yield
    name = f"after-{request.node.name}"
    wait_for(lambda: driver.send(name).startswith("250"), seconds=30)
    assert browser.get(HOME)[0] == 200
    site.ask("submit", count=1, to=PETIT)
    wait_for(lambda: set(site.states()) <= DONE, seconds=60)
    wait_for(lambda: driver.is_kept(site.ask("letters")), seconds=60)
    assert site.is_whole()
    for process in ("web", "smtp", "sender", "worker"):
        assert "@ch-valbrune" not in site.said(process)
        assert "@cabinet" not in site.said(process)


def in_words(answer):
    """A page that says what is wrong, in time and without a trace."""
    status, page, seconds = answer
    assert (status, PAUSE in page, "Traceback" in page) == (503, True, False), (status, page[:800])
    assert seconds < 10  # Not a measure: the promise that a person is not left waiting.


def refused_for_now(driver, name):
    answer = driver.send(name)
    assert answer.startswith(("451 4.3.0", "421")), answer


def test_database_that_is_down(postgres, site, driver, browser):
    with contextlib.closing(driver.open()) as line:
        with postgres.stopped():
            assert line.say(f"MAIL FROM:<{PETIT}>").startswith("451 4.3.0")
            refused_for_now(driver, "down")
            in_words(browser.get(HOME))
            in_words(Browser(site).get(HOME))
        # The line that was open all the while serves on.
        wait_for(lambda: line.say(f"MAIL FROM:<{PETIT}>").startswith("250"), seconds=30)
        assert line.say(f"RCPT TO:<{MARTIN}>").startswith("250")


def test_database_that_restarts_while_mail_goes_both_ways(postgres, site, driver, peer):
    before, peer.delay = len(peer.letters), 0.15
    ours = site.ask("submit", count=40, to=PETIT)
    names = [f"restart-{number}" for number in range(40)]
    incoming = threading.Thread(target=lambda: [until_taken(driver, one) for one in names])
    incoming.start()
    for _ in range(2):
        time.sleep(0.7)
        postgres.cut()
    incoming.join(60)
    assert not incoming.is_alive()
    peer.delay = 0
    wait_for(lambda: set(site.states()) <= DONE, seconds=60)
    attempts = {row["id"]: row["attempts"] for row in site.ask("deliveries")}
    taken = [content for _, _, content, _ in peer.letters[before:]]
    for message_id in ours:
        copies = sum(message_id.encode() in content for content in taken)
        # One that was handed over and not noted goes again, under the same name.
        assert 1 <= copies <= attempts[message_id], message_id
    assert len(taken) < 2 * len(ours)
    assert {f"{one}@{PRACTICE.domain}" for one in names} <= set(driver.record)


def until_taken(driver, name):
    wait_for(lambda: driver.send(name).startswith("250"), seconds=50)


def test_database_that_may_not_be_written(postgres, site, driver, browser):
    page = browser.fill_in(PETIT)
    with psycopg.connect(postgres.url, autocommit=True) as session:
        session.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        session.execute("SELECT pg_reload_conf()")
        try:
            wait_for(lambda: driver.send("read-only").startswith("451 4.3.0"), seconds=10)
            status, shown, _ = browser.get(HOME)
            assert (status, PAUSE in shown) == (200, False)
            in_words(browser.get(WRITE, {**page, "action": "send"}))
        finally:
            session.execute("SET default_transaction_read_only = off")
            session.execute("ALTER SYSTEM RESET default_transaction_read_only")
            session.execute("SELECT pg_reload_conf()")
    sent = len(site.states())
    wait_for(lambda: browser.get(WRITE, {**page, "action": "send"})[0] == 200, seconds=10)
    assert len(site.states()) == sent + 1


def test_tables_that_somebody_holds(postgres, driver, browser):
    tables = "webmail_inboundmessage, webmail_message, webmail_delivery"
    with psycopg.connect(postgres.url) as session:
        session.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        answers = []
        readers = [
            threading.Thread(target=lambda: answers.append(browser.get(HOME))) for _ in range(4)
        ]
        for one in readers:
            one.start()
        refused_for_now(driver, "locked")
        for one in readers:
            one.join(20)
        assert len(answers) == 4
        for answer in answers:
            in_words(answer)


def test_server_that_takes_no_more_connections(postgres, site, driver, browser):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(psycopg.connect(postgres.url, autocommit=True))
        # As fast as we free their places, so fast somebody takes them.
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_port > 0"
        ours = []
        for _ in range(2):
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    ours.append(stack.enter_context(psycopg.connect(postgres.url)))
            mine = [one.info.backend_pid for one in ours]
            first.execute(f"{others} AND pid <> pg_backend_pid() AND NOT pid = ANY(%s)", [mine])
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                ours.append(stack.enter_context(psycopg.connect(postgres.url)))
        refused_for_now(driver, "no-place")
        in_words(browser.get(HOME))


def test_bell_that_is_down_while_people_send(redis, site, browser):
    sent = len(site.states())
    with redis.stopped():
        for number in range(3):
            page = browser.fill_in(PETIT, f"Sans cloche {number}")
            status, shown, seconds = browser.get(WRITE, {**page, "action": "send"})
            assert (status, PAUSE in shown) == (200, False)
            assert seconds < 5
        assert site.states()[sent:] == ["queued"] * 3
    wait_for(lambda: set(site.states()) <= DONE, seconds=60)


def test_bell_that_forgot_everything(redis, site, peer):
    before = len(peer.letters)
    site.signal("sender", signal.SIGSTOP)
    try:
        # The first bell may lie in the stopped worker's socket already: it is for somebody else.
        site.ask("submit", count=1, to=MARTIN)
        ours = site.ask("submit", count=10, to=PETIT)
        assert redis.say("FLUSHALL").startswith(b"+OK")
    finally:
        site.signal("sender", signal.SIGCONT)
    wait_for(lambda: set(site.states()) <= DONE, seconds=60)
    taken = [content for _, _, content, _ in peer.letters[before:]]
    for message_id in ours:
        assert sum(message_id.encode() in content for content in taken) == 1
