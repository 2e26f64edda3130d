"""How a peer is drained: few letters at first, none kept back that was not tried, and peace for a
peer in trouble.
"""

import logging
import threading
from datetime import timedelta
from types import SimpleNamespace

import dns.resolver
import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts.audit.models import AuditEvent
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import HOSPITAL
from tests.factories.outbox import PRACTICE_DOMAIN, send
from tests.flows.outbound import backlog, due_again, heard, now, states
from webmail import tracking
from webmail.inbound.tasks import drain_spool
from webmail.models import Delivery, Mailbox, Message, MessageState, PeerState
from webmail.outbound import (
    claims as claims_module,
    delivery as delivery_module,
    lines,
    outcomes,
    peers,
    smtp,
)
from webmail.outbound.closing import closing
from webmail.outbound.lines import close_down, close_idle_lines, open_up
from webmail.outbound.routing import Host
from webmail.outbound.tasks import drain_peer, sweep_outbox

pytestmark = pytest.mark.django_db(databases="__all__")
ACCEPTED = ("accepted", "", 1)


@pytest.fixture
def trust_space(in_toy_space, db):
    """No thread here touches the database: what a test writes is rolled back."""
    refresh_whitelist()
    return in_toy_space


@pytest.fixture(autouse=True)
def _quick(settings):
    settings.SMTP_TIMEOUT_SECONDS = settings.SMTP_CONNECT_SECONDS = 2
    yield
    open_up()
    close_idle_lines(older_than=0)


@pytest.fixture
def claim_sizes(monkeypatch):
    """How many letters each claim held."""
    sizes: list[int] = []
    claim = claims_module.claim_letters

    def noted(domain, limit):
        claims = claim(domain, limit)
        sizes.append(len(claims))
        return claims

    monkeypatch.setattr(delivery_module, "claim_letters", noted)
    return sizes


# Few at first


def test_quick_peer_is_given_more_and_more_letters_at_a_time(martin_box, make_peer, claim_sizes):
    make_peer()
    rows = backlog(martin_box, 50)
    drain_peer(PRACTICE_DOMAIN)
    assert claim_sizes == [1, 2, 4, 8, 16, 16, 3, 0]
    assert set(states(rows)) == {ACCEPTED}


def test_slow_peer_is_given_one_letter_at_a_time(martin_box, make_peer, claim_sizes, monkeypatch):
    monkeypatch.setattr(delivery_module, "_FAST_SECONDS", 0)
    make_peer()
    backlog(martin_box, 4)
    drain_peer(PRACTICE_DOMAIN)
    assert claim_sizes == [1, 1, 1, 1, 0]


@pytest.mark.parametrize(("limit", "value"), [("_LETTERS_PER_RUN", 7), ("_SECONDS_PER_RUN", -1)])
def test_run_ends_after_a_while_and_rings_again_so_that_others_have_their_turn(
    martin_box, make_peer, monkeypatch, limit, value
):
    rung: list[str] = []
    monkeypatch.setattr("webmail.outbound.tasks.ring_domain", rung.append)
    monkeypatch.setattr(delivery_module, limit, value)
    make_peer()
    rows = backlog(martin_box, 20)
    drain_peer(PRACTICE_DOMAIN)
    assert [state for state, _, _ in states(rows)].count("accepted") in {1, 7}
    assert rung == [PRACTICE_DOMAIN]


def test_what_was_claimed_and_not_tried_is_given_back_as_it_was(
    martin_box, make_peer, settings, claim_sizes
):
    settings.SMTP_TIMEOUT_SECONDS = 0.3
    peer = make_peer(replies={"MAIL": [*["250 ok"] * 4, "silence"]})
    rows = backlog(martin_box, 12)
    before = timezone.now()
    drain_peer(PRACTICE_DOMAIN)
    assert claim_sizes == [1, 2, 4]
    assert states(rows) == [
        *[ACCEPTED] * 3,
        ACCEPTED,
        ("deferred", "timeout", 1),
        *[("queued", "timeout", 0)] * 7,
    ]
    waiting = [now(row) for row in rows[4:]]
    assert not any(one.is_uncertain for one in waiting)
    assert all(one.lease_token == "" and one.lease_until is None for one in waiting)
    assert all(one.next_attempt_at >= before + timedelta(minutes=1) for one in waiting)
    assert peer.connections == 1


def test_letter_given_back_keeps_its_doubt_and_what_it_tried(martin_box, make_peer, settings):
    settings.SMTP_TIMEOUT_SECONDS = 0.3
    make_peer(replies={"MAIL": ["250 ok", "silence"]})
    rows = backlog(martin_box, 3)
    Delivery.objects.filter(pk=rows[2].pk).update(state="deferred", attempts=4, is_uncertain=True)
    drain_peer(PRACTICE_DOMAIN)
    last = now(rows[2])
    assert (last.state, last.attempts, last.is_uncertain) == ("queued", 4, True)


def test_each_transition_of_a_batch_leaves_its_event_and_counts(martin_box, make_peer, settings):
    settings.SMTP_TIMEOUT_SECONDS = 0.3
    make_peer(replies={"MAIL": ["250 ok", "silence"]})
    rows = backlog(martin_box, 3)
    events, modseq = AuditEvent.objects.count(), Mailbox.objects.get(pk=martin_box.pk).modseq
    drain_peer(PRACTICE_DOMAIN)
    said = list(AuditEvent.objects.order_by("pk").values_list("event", "detail__delivery")[events:])
    one, two, three = (row.pk for row in rows)
    assert said == [
        ("delivery:state:in_flight", one),
        ("delivery:state:accepted", one),
        ("delivery:state:in_flight", two),
        ("delivery:state:in_flight", three),
        ("delivery:state:deferred", two),
        ("delivery:state:queued", three),
    ]
    assert Mailbox.objects.get(pk=martin_box.pk).modseq > modseq


# Peers in trouble


def test_trouble_of_a_peer_is_noted_once_and_new_letters_wait_with_it(
    martin_box, dr_martin, make_peer, settings
):
    settings.SMTP_CONNECT_SECONDS = 0.3
    peer = make_peer(replies={"greeting": ["silence"]})
    backlog(martin_box, 3)
    drain_peer(PRACTICE_DOMAIN)
    trouble = PeerState.objects.get()
    assert (trouble.domain, trouble.failures, trouble.reason) == (PRACTICE_DOMAIN, 1, "timeout")
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    row = letter.deliveries.get()
    assert (row.state, row.reason, row.attempts) == ("queued", "timeout", 0)
    assert row.next_attempt_at == trouble.retry_at
    assert peer.connections == 1
    assert PeerState.objects.get().failures == 1


def test_troubled_peer_is_asked_again_with_one_letter_by_the_plan(
    martin_box, make_peer, settings, claim_sizes
):
    settings.SMTP_CONNECT_SECONDS = 0.3
    settings.RETRY_PLAN_MINUTES = [1, 5]
    peer = make_peer(replies={"greeting": ["silence"]})
    rows = backlog(martin_box, 5)
    waits = []
    for _ in range(4):
        due_again(*rows)
        before = timezone.now()
        drain_peer(PRACTICE_DOMAIN)
        waits.append((PeerState.objects.get().retry_at - before) // timedelta(minutes=1))
        assert all(now(row).next_attempt_at >= before + timedelta(minutes=1) for row in rows)
    assert waits == [1, 5, 60, 60]
    assert claim_sizes == [1, 1, 1, 1]
    assert peer.connections == 4
    assert [now(row).attempts for row in rows] == [4, 0, 0, 0, 0]


def test_peer_that_answers_again_is_in_no_trouble_and_has_all_its_letters(
    martin_box, make_peer, settings
):
    settings.SMTP_CONNECT_SECONDS = 0.3
    make_peer(replies={"greeting": ["silence"]})
    rows = backlog(martin_box, 5)
    drain_peer(PRACTICE_DOMAIN)
    make_peer()
    due_again(*rows)
    drain_peer(PRACTICE_DOMAIN)
    assert [state for state, _, _ in states(rows)] == ["accepted"] * 5
    assert not PeerState.objects.exists()


def test_refusal_is_an_answer_of_a_peer_that_works(martin_box, make_peer, settings):
    settings.SMTP_CONNECT_SECONDS = 0.3
    make_peer(replies={"greeting": ["silence"]})
    rows = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    make_peer(replies={"RCPT": ["451 4.3.0 later"]})
    due_again(*rows)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [("deferred", "peer_trouble", 2)]
    assert not PeerState.objects.exists()


def test_trouble_is_not_forgotten_where_nobody_asked(martin_box, make_peer, settings):
    """The letter was cancelled meanwhile, or another worker has it."""
    settings.SMTP_CONNECT_SECONDS = 0.3
    make_peer(replies={"greeting": ["silence"]})
    rows = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    due_again(*rows)
    tracking.cancel(now(rows[0]), actor=martin_box.holder)
    drain_peer(PRACTICE_DOMAIN)
    assert PeerState.objects.get().failures == 1


def test_peer_that_worked_a_moment_ago_fails_for_the_first_time(martin_box, make_peer, settings):
    settings.SMTP_TIMEOUT_SECONDS = 0.3
    make_peer(replies={"MAIL": ["250 ok", "silence"]})
    backlog(martin_box, 3)
    moment = timezone.now()
    PeerState.objects.create(
        domain=PRACTICE_DOMAIN,
        failures=9,
        failing_since=moment - timedelta(days=1),
        retry_at=moment,
        reason="unreachable",
    )
    drain_peer(PRACTICE_DOMAIN)
    trouble = PeerState.objects.get()
    assert (trouble.failures, trouble.reason) == (1, "timeout")
    assert trouble.failing_since > moment


def test_peer_that_breaks_every_line_is_left_alone_after_three(martin_box, make_peer):
    peer = make_peer(replies={"MAIL": [None]})
    rows = backlog(martin_box, 12)
    drain_peer(PRACTICE_DOMAIN)
    assert peer.connections == 3
    tried = [one for one in states(rows) if one[0] == "deferred"]
    assert tried == [("deferred", "connection_lost", 1)] * 3
    assert {one for one in states(rows) if one[0] != "deferred"} == {
        ("queued", "connection_lost", 0)
    }
    assert PeerState.objects.get().reason == "connection_lost"


def test_peer_that_breaks_a_line_now_and_then_goes_on(martin_box, make_peer):
    make_peer(replies={"RCPT": [None, None, "250 ok", None, None, "250 ok"]})
    rows = backlog(martin_box, 5)
    drain_peer(PRACTICE_DOMAIN)
    # A kept line that broke was replaced at once, and that one broke too.
    assert [state for state, _, _ in states(rows)] == [
        "deferred",
        "deferred",
        "accepted",
        "deferred",
        "accepted",
    ]
    assert not PeerState.objects.exists()


def test_sweep_does_not_ring_for_a_peer_that_is_left_alone(
    martin_box, make_peer, settings, monkeypatch
):
    rung: list[str] = []
    monkeypatch.setattr("webmail.outbound.tasks.ring_domain", rung.append)
    settings.SMTP_CONNECT_SECONDS = 0.3
    make_peer(replies={"greeting": ["silence"]})
    rows = backlog(martin_box, 3)
    drain_peer(PRACTICE_DOMAIN)
    sweep_outbox()
    assert rung == []
    due_again(*rows)
    sweep_outbox()
    assert rung == [PRACTICE_DOMAIN]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (dns.resolver.NXDOMAIN(), "no_such_domain"),
        ([SimpleNamespace(preference=0, exchange=".")], "takes_no_mail"),
    ],
)
def test_domain_that_takes_no_mail_fails_each_letter_at_once(
    martin_box, trust_space, monkeypatch, answer, reason
):
    def resolve(*_args, **_options):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    moment = timezone.now()
    PeerState.objects.create(
        domain=PRACTICE_DOMAIN, failures=2, failing_since=moment, retry_at=moment, reason="timeout"
    )
    rows = backlog(martin_box, 6)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [("failed", reason, 1)] * 6
    assert not PeerState.objects.exists()
    drain_spool()
    assert Message.objects.filter(state=MessageState.RECEIVED).count() == 6


def test_our_own_certificate_out_of_order_is_no_trouble_of_any_peer(
    martin_box, make_peer, settings, tmp_path, caplog
):
    peer = make_peer()
    key = settings.TRUST_PRIVATE_KEY
    settings.TRUST_PRIVATE_KEY = tmp_path / "missing.key"
    rows = backlog(martin_box, 3)
    with caplog.at_level(logging.ERROR):
        drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [("deferred", "internal", 1), *[("queued", "internal", 0)] * 2]
    assert caplog.text.count("event=own_tls_failed") == 1
    assert peer.connections == 0
    assert not PeerState.objects.exists()
    settings.TRUST_PRIVATE_KEY = key
    due_again(*rows)
    drain_peer(PRACTICE_DOMAIN)
    assert [state for state, _, _ in states(rows)] == ["accepted"] * 3


# Several hosts


@pytest.fixture
def hosts(monkeypatch):
    def tell(*ports):
        found = [Host("127.0.0.1", port) for port in ports]
        monkeypatch.setattr(peers, "find_hosts", lambda _domain: found)
        monkeypatch.setattr(peers, "is_public", lambda _address: True)

    return tell


@pytest.mark.parametrize(
    "script",
    [
        {"replies": {"greeting": ["421 4.3.2 too busy|cut"]}},
        {"replies": {"greeting": ["554 5.3.2 no service here"]}},
        {"replies": {"greeting": [None]}},
        {"replies": {"EHLO": ["502 5.5.1 what?"]}},
        {"replies": {"STARTTLS": ["454 4.7.0 not now"]}},
        {"offers": ("SIZE 1000",)},
        {"key": HOSPITAL.key},
    ],
)
def test_next_host_is_tried_when_one_refuses_to_talk(martin_box, make_peer, hosts, script):
    first, second = make_peer(**script), make_peer()
    hosts(first.port, second.port)
    rows = backlog(martin_box, 3)
    drain_peer(PRACTICE_DOMAIN)
    assert set(states(rows)) == {ACCEPTED}
    assert (first.connections, second.connections) == (1, 1)
    assert heard(first, "MAIL") == []
    assert {now(row).peer_host for row in rows} == {f"127.0.0.1:{second.port}"}
    assert not PeerState.objects.exists()


def test_many_dead_hosts_do_not_hold_a_place_for_long(martin_box, make_peer, hosts, settings):
    settings.SMTP_CONNECT_SECONDS, settings.SMTP_TIMEOUT_SECONDS = 0.2, 0.3
    silent = make_peer(replies={"greeting": ["silence"]})
    hosts(*[silent.port] * 10)
    rows = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [("deferred", "timeout", 1)]
    assert silent.connections == 2


# The end of a process


@pytest.fixture
def told_to_end(monkeypatch):
    """Tell the process to end when so many letters have been handed over."""
    send_letter = smtp.Conversation.send

    def after(count):
        handed = []

        def noted(self, letter, *, before_dot):
            replies = send_letter(self, letter, before_dot=before_dot)
            handed.append(letter)
            if len(handed) == count:
                closing.set()
            return replies

        monkeypatch.setattr(smtp.Conversation, "send", noted)

    return after


def test_process_that_is_to_end_gives_back_what_it_has_not_begun(
    martin_box, make_peer, told_to_end
):
    peer = make_peer()
    rows = backlog(martin_box, 12)
    Delivery.objects.filter(pk=rows[6].pk).update(
        state="deferred", attempts=2, reason="mailbox_full", smtp_code=452
    )
    told_to_end(5)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [
        *[ACCEPTED] * 5,
        ("queued", "", 0),
        ("queued", "mailbox_full", 2),
        *[("queued", "", 0)] * 5,
    ]
    assert now(rows[6]).smtp_code == 452
    assert not any(now(row).is_uncertain or now(row).lease_token for row in rows[5:])
    assert len(peer.letters) == 5
    open_up()
    drain_peer(PRACTICE_DOMAIN)
    assert [state for state, _, _ in states(rows)] == ["accepted"] * 12
    assert len(peer.letters) == 12


def test_process_that_is_to_end_begins_nothing(martin_box, make_peer):
    peer = make_peer()
    rows = backlog(martin_box, 2)
    closing.set()
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [("queued", "", 0)] * 2
    assert peer.connections == 0


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_process_that_is_to_end_waits_for_no_silent_peer(
    martin_box, make_peer, settings, monkeypatch, verb
):
    settings.SMTP_TIMEOUT_SECONDS = 3600
    monkeypatch.setattr(lines, "_LAST_SECONDS", 0.2)
    peer = make_peer(replies={verb: [*["250 ok"] * 2, "silence"]})
    rows = backlog(martin_box, 4)
    timer = threading.Timer(1, close_down)
    timer.start()
    drain_peer(PRACTICE_DOMAIN)
    timer.join()
    # Cut off by ourselves: no attempt, no doubt, and nothing against the peer.
    assert states(rows) == [*[ACCEPTED] * 2, *[("queued", "", 0)] * 2]
    assert not any(now(row).is_uncertain for row in rows)
    assert not PeerState.objects.exists()
    assert peer.connections == 1


def test_answer_to_a_letter_that_is_out_is_waited_for_even_then(
    martin_box, make_peer, settings, monkeypatch
):
    settings.SMTP_TIMEOUT_SECONDS = 2
    monkeypatch.setattr(lines, "_LAST_SECONDS", 0.1)
    make_peer(replies={"dot": ["silence"]})
    rows = backlog(martin_box, 2)
    timer = threading.Timer(0.5, close_down)
    timer.start()
    drain_peer(PRACTICE_DOMAIN)
    timer.join()
    assert states(rows) == [("deferred", "timeout", 1), ("queued", "", 0)]
    assert now(rows[0]).is_uncertain


def test_no_further_host_is_tried_by_a_process_that_is_to_end(
    martin_box, make_peer, hosts, monkeypatch
):
    peer = make_peer()
    hosts(1, peer.port)
    connect = smtp.connect

    def end_now(*args, **options):
        closing.set()
        return connect(*args, **options)

    monkeypatch.setattr(peers, "connect", end_now)
    rows = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [("queued", "", 0)]
    assert peer.connections == 0
    assert not PeerState.objects.exists()


def test_whatever_ends_a_run_the_others_are_given_back(martin_box, make_peer, monkeypatch):
    class PowerCutError(BaseException):
        pass

    make_peer()
    rows = backlog(martin_box, 3)
    accept, seen = tracking.accept, []

    def die(delivery, *args, **options):
        seen.append(delivery)
        if len(seen) == 2:
            raise PowerCutError
        accept(delivery, *args, **options)

    monkeypatch.setattr(tracking, "accept", die)
    with pytest.raises(PowerCutError):
        drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [ACCEPTED, ("in_flight", "", 1), ("queued", "", 0)]


# The database is away for a moment


@pytest.fixture
def _no_pause(monkeypatch):
    monkeypatch.setattr(outcomes, "_PAUSES", (0, 0, 0))
    # A test's own transaction would go with its connection.
    monkeypatch.setattr(outcomes, "close_old_connections", lambda: None)


@pytest.mark.usefixtures("_no_pause")
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize(
    ("verb", "answer", "state"),
    [
        ("accept", "250 ok", "accepted"),
        ("fail", "554 no", "failed"),
        ("defer", "451 no", "deferred"),
    ],
)
def test_answer_of_a_peer_is_written_when_the_database_is_back(
    martin_box, make_peer, monkeypatch, verb, answer, state, error
):
    write, tries = getattr(tracking, verb), []

    def away(*args, **options):
        tries.append(verb)
        if len(tries) < 3:
            raise error
        return write(*args, **options)

    monkeypatch.setattr(tracking, verb, away)
    peer = make_peer(replies={"dot": [answer]})
    rows = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert now(rows[0]).state == state
    assert not now(rows[0]).is_uncertain
    assert len(tries) == 3
    assert len(peer.letters) == 1


@pytest.mark.usefixtures("_no_pause")
def test_answer_that_cannot_be_written_leaves_doubt(martin_box, make_peer, monkeypatch):
    def away(*_args, **_options):
        raise OperationalError

    monkeypatch.setattr(tracking, "accept", away)
    make_peer()
    rows = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [("deferred", "internal", 1)]
    assert now(rows[0]).is_uncertain
