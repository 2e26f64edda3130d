"""Lines that are kept: how few a backlog takes, what happens when one is dead or its peer is no
longer to be trusted, and that none serves where it does not belong.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from directory.models import TrustedDomain, WhitelistSnapshot
from directory.trust import certificates
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.issuance import current_time
from mssante.demo.operators import PRACTICE
from mssante.demo.pki import OPERATOR, issue, revoke, subject, write_crl
from tests.factories.outbox import PRACTICE_DOMAIN
from tests.flows.outbound import backlog, due_again, heard, now, publish, states
from tests.pki.handshake import peer_context as careless_context, write_identity
from webmail.models import PeerState
from webmail.outbound import peers
from webmail.outbound.lines import close_idle_lines, open_up
from webmail.outbound.tasks import drain_peer, sweep_outbox

pytestmark = pytest.mark.django_db(databases="__all__")
OTHER = "centre-imagerie.mssante.example"
ACCEPTED = ("accepted", "", 1)


@pytest.fixture
def trust_space(own_space, db):
    """A trust space this test may change; what it writes is rolled back."""
    refresh_whitelist()
    return own_space


@pytest.fixture(autouse=True)
def _lines_are_kept(settings):
    settings.LINE_IDLE_SECONDS = 20
    settings.SMTP_TIMEOUT_SECONDS = 2
    yield
    open_up()
    close_idle_lines(older_than=0)


@pytest.fixture
def always_proved(monkeypatch):
    """As if the last proof were always old."""
    monkeypatch.setattr(peers, "_PROOF_SECONDS", -1)


def test_backlog_takes_one_handshake(martin_box, make_peer):
    peer = make_peer()
    rows = backlog(martin_box, 120)
    drain_peer(PRACTICE_DOMAIN)
    assert set(states(rows)) == {ACCEPTED}
    assert len(peer.letters) == 120
    assert peer.connections == 1


def test_kept_line_serves_the_next_task(martin_box, make_peer):
    peer = make_peer()
    for _ in range(3):
        (row,) = backlog(martin_box, 1)
        drain_peer(PRACTICE_DOMAIN)
        assert now(row).state == "accepted"
        assert f"CN={PRACTICE.host}" in now(row).peer_dn
        assert now(row).peer_host == f"127.0.0.1:{peer.port}"
    assert peer.connections == 1
    assert heard(peer, "QUIT") == []


def test_refusal_leaves_a_line_of_use(martin_box, make_peer):
    peer = make_peer(replies={"RCPT": ["550 5.1.1 no", "250 ok"]})
    first, second = backlog(martin_box, 1), backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert states([*first, *second]) == [("failed", "unknown_recipient", 1), ACCEPTED]
    assert peer.connections == 1


def test_sweep_ends_what_stood_idle(martin_box, make_peer, settings):
    peer = make_peer()
    backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    sweep_outbox()
    backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert peer.connections == 1, "twenty seconds have not passed"
    settings.LINE_IDLE_SECONDS = 0
    sweep_outbox()
    backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert peer.connections == 2


@pytest.mark.parametrize(
    "script",
    [
        {"dot": ["250 ok|cut", "250 ok"]},
        {"MAIL": ["250 ok", "421 4.4.2 idle|cut", "250 ok"]},
        {"MAIL": ["250 ok", None, "250 ok"]},
        {"RCPT": ["250 ok", None, "250 ok"]},
    ],
)
def test_dead_line_is_replaced_and_costs_the_letter_no_attempt(martin_box, make_peer, script):
    peer = make_peer(replies=script)
    rows = []
    for _ in range(2):
        rows += backlog(martin_box, 1)
        drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [ACCEPTED, ACCEPTED]
    assert peer.connections == 2
    assert len(peer.letters) == 2
    assert not PeerState.objects.exists()


def test_dead_line_is_replaced_once(martin_box, make_peer):
    peer = make_peer(replies={"MAIL": ["250 ok", None]})
    rows = backlog(martin_box, 2)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [ACCEPTED, ("deferred", "connection_lost", 1)]
    assert peer.connections == 2


def test_new_line_that_dies_is_not_replaced(martin_box, make_peer):
    peer = make_peer(replies={"MAIL": [None, "250 ok"]})
    rows = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [("deferred", "connection_lost", 1)]
    assert peer.connections == 1


def test_letter_whose_end_was_out_is_not_sent_again_at_once(martin_box, make_peer):
    peer = make_peer(replies={"dot": ["250 ok", None, "250 ok"]})
    rows = backlog(martin_box, 2)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [ACCEPTED, ("deferred", "connection_lost", 1)]
    assert now(rows[1]).is_uncertain
    assert len(peer.letters) == 2
    assert peer.connections == 1


def test_silent_kept_line_is_a_time_out_and_not_a_dead_line(martin_box, make_peer, settings):
    settings.SMTP_TIMEOUT_SECONDS = 0.3
    peer = make_peer(replies={"MAIL": ["250 ok", "silence"]})
    rows = backlog(martin_box, 2)
    drain_peer(PRACTICE_DOMAIN)
    assert states(rows) == [ACCEPTED, ("deferred", "timeout", 1)]
    assert peer.connections == 1


# Trust


def test_proof_is_renewed_on_a_kept_line_and_only_then(martin_box, make_peer, monkeypatch):
    proofs: list[bytes] = []

    def noted(der):
        proofs.append(der)
        return certificates.identify_peer(der)

    monkeypatch.setattr(peers, "identify_peer", noted)
    clock = [0.0]
    monkeypatch.setattr("webmail.outbound.peers.time.monotonic", lambda: clock[0])
    peer = make_peer()
    counts = []
    for seconds in (0, 9, 2, 5, 10):
        clock[0] += seconds
        backlog(martin_box, 2)
        drain_peer(PRACTICE_DOMAIN)
        counts.append(len(proofs))
    assert counts == [1, 1, 2, 2, 3]
    assert peer.connections == 1


@pytest.mark.usefixtures("always_proved")
def test_listing_withdrawn_meanwhile_ends_the_line_before_the_next_letter(
    martin_box, make_peer, trust_space
):
    peer = make_peer()
    (first,) = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    publish(trust_space, OTHER)
    rows = backlog(martin_box, 2)
    drain_peer(PRACTICE_DOMAIN)
    assert now(first).state == "accepted"
    # The line is refused and nothing was opened for the second: it waits as long as the first.
    assert states(rows) == [("deferred", "untrusted_peer", 1), ("queued", "untrusted_peer", 0)]
    assert len(heard(peer, "MAIL")) == 1
    assert peer.connections == 1
    assert heard(peer, "QUIT")


@pytest.mark.usefixtures("always_proved")
def test_certificate_revoked_meanwhile_ends_the_line_before_the_next_letter(
    martin_box, make_peer, trust_space, tmp_path
):
    name = subject(
        common_name=PRACTICE.host,
        unit=PRACTICE.structure_id,
        organisation=PRACTICE.organisation,
        state=PRACTICE.department,
    )
    issued = issue(trust_space, name, profile=OPERATOR)
    identity = write_identity(tmp_path, issued, trust_space.authority())
    peer = make_peer(context=careless_context("server", **identity))
    (first,) = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    revoke(trust_space, issued.serial)
    (second,) = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert states([first, second]) == [ACCEPTED, ("deferred", "untrusted_peer", 1)]
    assert len(heard(peer, "MAIL")) == 1


@pytest.mark.usefixtures("always_proved")
def test_list_too_old_by_now_holds_the_next_letter_back(martin_box, make_peer):
    peer = make_peer()
    (first,) = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    WhitelistSnapshot.objects.update(checked_at=timezone.now() - timedelta(days=8))
    rows = backlog(martin_box, 2)
    drain_peer(PRACTICE_DOMAIN)
    assert now(first).state == "accepted"
    assert states(rows) == [("deferred", "whitelist_stale", 1), ("queued", "whitelist_stale", 0)]
    assert len(heard(peer, "MAIL")) == 1
    # It is our own list: the peer is in no trouble, and has its letters as soon as it is renewed.
    assert not PeerState.objects.exists()
    WhitelistSnapshot.objects.update(checked_at=timezone.now())
    due_again(*rows)
    drain_peer(PRACTICE_DOMAIN)
    assert [state for state, _, _ in states(rows)] == ["accepted", "accepted"]


@pytest.mark.usefixtures("always_proved")
def test_status_unknown_by_now_holds_the_next_letter_back(martin_box, make_peer, trust_space):
    peer = make_peer()
    (first,) = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    write_crl(
        trust_space,
        "organisations",
        "issuing",
        this_update=current_time() - timedelta(days=40),
        next_update=current_time() - timedelta(days=10),
    )
    (second,) = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    assert states([first, second]) == [ACCEPTED, ("deferred", "certificate_status_unknown", 1)]
    assert len(heard(peer, "MAIL")) == 1
    assert not PeerState.objects.exists()


@pytest.mark.usefixtures("always_proved")
def test_version_of_the_list_is_the_one_of_the_last_proof(martin_box, make_peer, trust_space):
    make_peer()
    (first,) = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    publish(trust_space, PRACTICE_DOMAIN, OTHER)
    (second,) = backlog(martin_box, 1)
    drain_peer(PRACTICE_DOMAIN)
    versions = list(WhitelistSnapshot.objects.order_by("pk").values_list("pk", flat=True))
    assert [now(first).whitelist_version, now(second).whitelist_version] == versions


def test_no_line_serves_another_domain(martin_box, make_peer, trust_space):
    """Not even where one certificate may take the mail of both."""
    publish(trust_space, PRACTICE_DOMAIN, OTHER)
    assert TrustedDomain.objects.filter(snapshot__is_active=True).count() == 2
    here, there = make_peer(), make_peer(domain=OTHER)
    for _ in range(2):
        backlog(martin_box, 1)
        backlog(martin_box, 1, domain=OTHER)
        drain_peer(PRACTICE_DOMAIN)
        drain_peer(OTHER)
    for peer, domain in ((here, PRACTICE_DOMAIN), (there, OTHER)):
        assert peer.connections == 1
        assert len(peer.letters) == 2
        assert all(one.endswith(f"@{domain}>") for one in heard(peer, "RCPT"))
