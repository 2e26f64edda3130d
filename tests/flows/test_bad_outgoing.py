"""Peers that refuse, lie, stay silent or break off: each has a defined outcome, nothing is lost
silently, nothing leaves in clear.
"""

import logging
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import dns.resolver
import pytest
from django.utils import timezone

from directory.models import WhitelistSnapshot
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.issuance import current_time
from mssante.demo.operators import HOSPITAL, PRACTICE
from mssante.demo.pki import OPERATOR, issue, issue_operator, revoke, subject, write_crl
from tests.factories.letters import PETIT
from tests.factories.outbox import PRACTICE_DOMAIN, ROY, claim, make_delivery, send
from tests.pki.handshake import peer_context as careless_context, write_identity
from webmail import tracking
from webmail.inbound.tasks import drain_spool
from webmail.mailbox.reading import read_message, source_of
from webmail.models import Delivery, Message, MessageState, PeerState
from webmail.outbound import delivery as delivery_module, peers
from webmail.outbound.routing import Host
from webmail.outbound.tasks import drain_peer, sweep_outbox

pytestmark = pytest.mark.django_db(databases="__all__")

PLANTED = b"PLANTED-BODY-7731"


@pytest.fixture
def trust_space(own_space, db):
    """A trust space this test may change; what it writes is rolled back."""
    refresh_whitelist()
    return own_space


@pytest.fixture(autouse=True)
def _quick(settings):
    settings.SMTP_TIMEOUT_SECONDS = 2


@pytest.fixture
def post(martin_box, dr_martin, make_peer):
    """Write to the practice, whose peer answers as told, and run the outbox once."""

    def post(*, to=PETIT, key=PRACTICE.key, context=None, **script):
        peer = make_peer(key=key, context=context, **script)
        letter = send(martin_box, dr_martin, to=to)
        drain_peer(PRACTICE_DOMAIN)
        return peer, letter

    return post


def outcome(letter):
    row = letter.deliveries.get()
    return row.state, row.reason


def states(letter):
    rows = letter.deliveries.select_related("recipient")
    return {row.recipient.address: row.state for row in rows}


def notices(mailbox):
    drain_spool()
    return list(Message.objects.filter(mailbox=mailbox, state=MessageState.RECEIVED))


def heard(peer, verb):
    return [command for command in peer.commands if command.upper().startswith(verb)]


def try_again(letter):
    """Time has passed, for the letter and for its peer."""
    PeerState.objects.all().delete()
    letter.deliveries.filter(state="deferred").update(next_attempt_at=timezone.now())
    drain_peer(PRACTICE_DOMAIN)


# Refusals


@pytest.mark.parametrize("verb", ["MAIL", "DATA", "dot"])
def test_letter_refused_for_good_fails_for_everyone(post, martin_box, verb):
    _peer, letter = post(to=f"{PETIT}, {ROY}", replies={verb: ["554 5.7.1 not from you"]})
    assert set(states(letter).values()) == {"failed"}
    assert {row.reason for row in letter.deliveries.all()} == {"refused_by_policy"}
    assert len(notices(martin_box)) == 2


def test_recipient_refused_for_good_fails_alone(post, martin_box):
    _peer, letter = post(to=f"{PETIT}, {ROY}", replies={"RCPT": ["550 5.1.1 no", "250 ok"]})
    assert states(letter) == {PETIT: "failed", ROY: "accepted"}
    (notice,) = notices(martin_box)
    assert PETIT in read_message(notice).text
    assert ROY not in read_message(notice).text


def test_mixed_answers_are_kept_apart(post):
    script = {"RCPT": ["452 4.2.2 full", "550 5.1.1 no"]}
    _peer, letter = post(to=f"{PETIT}, {ROY}", replies=script)
    assert states(letter) == {PETIT: "deferred", ROY: "failed"}


def test_bounce_lies_in_the_senders_inbox_without_the_content(post, martin_box):
    _peer, letter = post(replies={"dot": ["554 5.7.1 no"]})
    assert PLANTED in source_of(letter)
    (notice,) = notices(martin_box)
    raw = source_of(notice)
    assert PLANTED not in raw
    assert b"multipart/report" in raw
    assert letter.rfc_message_id.encode() in raw
    assert notice.folder.role == "inbox"
    assert notice.from_address == "mailer-daemon@ch-valbrune.mssante.example"
    assert outcome(letter) == ("failed", "refused_by_policy")


def test_peer_that_refuses_and_hangs_up_has_refused(post):
    _peer, letter = post(replies={"MAIL": ["554 5.7.1 no|cut"]})
    assert outcome(letter) == ("failed", "refused_by_policy")


def test_next_letter_gets_a_new_line_after_a_hang_up(martin_box, dr_martin, make_peer):
    peer = make_peer(replies={"MAIL": ["554 5.7.1 no|cut", "250 ok"]})
    first, second = send(martin_box, dr_martin), send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(first)[0] == "failed"
    assert outcome(second)[0] == "accepted"
    assert peer.connections == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "dot"])
def test_peer_that_closes_down_gets_the_letter_later(martin_box, dr_martin, make_peer, verb):
    calm = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "dot": "250 ok"}[verb]
    peer = make_peer(replies={verb: ["421 4.3.2 closing|cut", calm]})
    first, second = send(martin_box, dr_martin), send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(first) == ("deferred", "peer_closing")
    assert not first.deliveries.get().is_uncertain
    assert outcome(second)[0] == "accepted"
    try_again(first)
    assert outcome(first)[0] == "accepted"
    assert peer.connections == 3


# Nothing in clear, nothing to strangers


@pytest.mark.parametrize(
    "script",
    [
        {"offers": ("SIZE 1000", "8BITMIME")},
        {"replies": {"STARTTLS": ["454 4.7.0 not available"]}},
        {"replies": {"STARTTLS": ["250 ok"]}},
    ],
)
def test_peer_without_tls_is_told_nothing(post, script):
    peer, letter = post(**script)
    assert outcome(letter) == ("deferred", "no_starttls")
    assert heard(peer, "MAIL") == []


def assert_stranger_learnt_nothing(peer, letter, reason="untrusted_peer"):
    assert outcome(letter) == ("deferred", reason)
    assert heard(peer, "MAIL") == heard(peer, "RCPT") == heard(peer, "DATA") == []
    assert peer.letters == []
    assert peer.connections == 1


def practice_name():
    return subject(
        common_name=PRACTICE.host,
        unit=PRACTICE.structure_id,
        organisation=PRACTICE.organisation,
        state=PRACTICE.department,
    )


def test_peer_with_a_name_that_is_not_listed_is_told_nothing(post, trust_space):
    issue_operator(
        trust_space,
        key="inconnu",
        common_name=PRACTICE.host,
        organisation=PRACTICE.organisation,
        structure_id="399000000000099",
        department=PRACTICE.department,
    )
    peer, letter = post(key="inconnu")
    assert_stranger_learnt_nothing(peer, letter)
    assert "399000000000099" in letter.deliveries.get().peer_dn
    assert heard(peer, "QUIT")


def test_listed_operator_cannot_take_another_ones_mail(post):
    peer, letter = post(key=HOSPITAL.key)
    assert_stranger_learnt_nothing(peer, letter)
    assert f"CN={HOSPITAL.host}" in letter.deliveries.get().peer_dn


def test_same_name_from_a_foreign_authority_is_told_nothing(post, foreign_space, tmp_path):
    forged = issue(foreign_space, practice_name(), profile=OPERATOR)
    identity = write_identity(tmp_path, forged, foreign_space.authority())
    peer, letter = post(context=careless_context("server", **identity))
    assert_stranger_learnt_nothing(peer, letter)


@pytest.mark.parametrize(
    "dates",
    [
        {"not_before": timedelta(days=-30), "not_after": timedelta(days=-1)},
        {"not_before": timedelta(days=1), "not_after": timedelta(days=30)},
    ],
)
def test_certificate_out_of_its_dates_is_told_nothing(post, trust_space, tmp_path, dates):
    moments = {name: current_time() + shift for name, shift in dates.items()}
    wrong = issue(trust_space, practice_name(), profile=replace(OPERATOR, **moments))
    identity = write_identity(tmp_path, wrong, trust_space.authority())
    peer, letter = post(context=careless_context("server", **identity))
    assert_stranger_learnt_nothing(peer, letter)


def test_revoked_certificate_is_told_nothing(post, trust_space, tmp_path):
    issued = issue(trust_space, practice_name(), profile=OPERATOR)
    revoke(trust_space, issued.serial)
    identity = write_identity(tmp_path, issued, trust_space.authority())
    peer, letter = post(context=careless_context("server", **identity))
    assert_stranger_learnt_nothing(peer, letter)


def test_unknown_status_of_a_certificate_holds_the_letter_back(post, trust_space):
    write_crl(
        trust_space,
        "organisations",
        "issuing",
        this_update=current_time() - timedelta(days=40),
        next_update=current_time() - timedelta(days=10),
    )
    peer, letter = post()
    assert_stranger_learnt_nothing(peer, letter, "certificate_status_unknown")


def test_stale_white_list_holds_mail_and_lets_it_go_when_renewed(post, settings):
    WhitelistSnapshot.objects.update(checked_at=timezone.now() - timedelta(days=8))
    peer, letter = post()
    assert outcome(letter) == ("deferred", "whitelist_stale")
    assert peer.connections == 0
    WhitelistSnapshot.objects.update(checked_at=timezone.now())
    try_again(letter)
    assert outcome(letter)[0] == "accepted"


# The line breaks


def test_peer_that_is_down_is_tried_again(martin_box, dr_martin, make_peer, settings, trust_space):
    settings.MAIL_ROUTES = {PRACTICE_DOMAIN: ("127.0.0.1", 1)}
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter) == ("deferred", "unreachable")
    assert letter.deliveries.get().peer_host == "127.0.0.1:1"
    make_peer()
    try_again(letter)
    assert outcome(letter)[0] == "accepted"


@pytest.mark.parametrize("verb", ["greeting", "EHLO", "MAIL", "DATA"])
def test_silent_peer_is_tried_again_without_doubt(post, settings, verb):
    settings.SMTP_CONNECT_SECONDS = settings.SMTP_TIMEOUT_SECONDS = 0.2
    _peer, letter = post(replies={verb: ["silence"]})
    assert outcome(letter) == ("deferred", "timeout")
    assert not letter.deliveries.get().is_uncertain


def test_silent_peer_costs_one_time_out_however_much_waits_for_it(
    martin_box, dr_martin, make_peer, settings
):
    settings.SMTP_CONNECT_SECONDS = 0.3
    peer = make_peer(replies={"greeting": ["silence"]})
    letters = [send(martin_box, dr_martin) for _ in range(5)]
    drain_peer(PRACTICE_DOMAIN)
    # One was tried; the others were not, and wait with it.
    assert [outcome(letter) for letter in letters] == [
        ("deferred", "timeout"),
        *[("queued", "timeout")] * 4,
    ]
    rows = Delivery.objects.order_by("pk")
    assert [row.attempts for row in rows] == [1, 0, 0, 0, 0]
    soon = timezone.now() + timedelta(seconds=50)
    assert not rows.filter(next_attempt_at__lt=soon).exists()
    assert peer.connections == 1


def test_no_second_worker_waits_for_the_same_peer(martin_box, dr_martin, make_peer, settings):
    peer = make_peer()
    first, second = send(martin_box, dr_martin), send(martin_box, dr_martin)
    settings.CONNECTIONS_PER_PEER = 1
    claim(first.deliveries.get(), token="t" * 32, until=timezone.now() + timedelta(seconds=30))
    drain_peer(PRACTICE_DOMAIN)
    assert (peer.connections, outcome(second)[0]) == (0, "queued")
    settings.CONNECTIONS_PER_PEER = 2
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(second)[0] == "accepted"


def test_sending_never_takes_the_last_hand(martin_box, dr_martin, make_peer, settings):
    settings.OUTBOUND_SLOTS = 1
    make_peer()
    elsewhere = make_delivery(martin_box, address="a@labo-bioval.mssante.example")
    claim(elsewhere, token="t" * 32, until=timezone.now() + timedelta(seconds=30))
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter)[0] == "queued"


def test_cut_in_the_middle_of_a_letter_is_no_doubt(martin_box, dr_martin, make_peer):
    make_peer(replies={"content": [None, ""]})
    big = [("scan.pdf", "application/pdf", b"x" * 9_000_000)]
    letter = send(martin_box, dr_martin, files=big)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter) == ("deferred", "connection_lost")
    assert not letter.deliveries.get().is_uncertain


@pytest.mark.parametrize(("answer", "reason"), [(None, "connection_lost"), ("silence", "timeout")])
def test_cut_after_the_dot_is_doubt_until_the_same_letter_is_accepted(
    post, settings, answer, reason
):
    settings.SMTP_TIMEOUT_SECONDS = 0.5
    peer, letter = post(replies={"dot": [answer, "250 2.0.0 taken"]})
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.reason, delivery.is_uncertain) == ("deferred", reason, True)
    try_again(letter)
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.is_uncertain) == ("accepted", False)
    first, second = (content for _, _, content, _ in peer.letters)
    assert first == second
    assert letter.rfc_message_id.encode() in second


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize("answer", ["garbage", "250 " + "x" * 10_000_000, "999 what"])
def test_nonsense_defers_and_is_never_a_yes(post, verb, answer):
    _peer, letter = post(replies={verb: [answer]})
    assert outcome(letter) == ("deferred", "protocol")
    assert letter.deliveries.get().is_uncertain == (verb == "dot")


def test_yes_before_the_letter_was_sent_is_no_yes(post):
    peer, letter = post(replies={"DATA": ["250 2.0.0 taken"]})
    assert peer.letters == []
    assert outcome(letter) == ("deferred", "protocol")


# Our own side breaks


def test_worker_that_lost_its_lease_does_not_send_the_dot(
    martin_box, dr_martin, make_peer, monkeypatch
):
    peer = make_peer()
    letter = send(martin_box, dr_martin, to=f"{PETIT}, {ROY}")
    note = tracking.note_final_dot
    stolen: list[Delivery] = []

    def late(delivery, *, token):
        if not stolen:
            stolen.append(delivery)
            letter.deliveries.filter(recipient__address=ROY).update(lease_token="another")
        note(delivery, token=token)

    monkeypatch.setattr(tracking, "note_final_dot", late)
    drain_peer(PRACTICE_DOMAIN)
    assert stolen
    assert peer.letters == []
    rows = letter.deliveries.all()
    assert {(row.state, row.dot_at) for row in rows} == {("in_flight", None)}


def test_lease_lost_for_one_after_the_dot_leaves_the_others_their_outcome(
    martin_box, dr_martin, make_peer, monkeypatch
):
    make_peer()
    letter = send(martin_box, dr_martin, to=f"{PETIT}, {ROY}")
    note = tracking.note_final_dot

    def late(delivery, *, token):
        note(delivery, token=token)
        if delivery.recipient.address == ROY:
            letter.deliveries.filter(recipient__address=PETIT).update(lease_token="another")

    monkeypatch.setattr(tracking, "note_final_dot", late)
    drain_peer(PRACTICE_DOMAIN)
    assert states(letter) == {PETIT: "in_flight", ROY: "accepted"}


def test_worker_that_died_after_the_dot_leaves_doubt_and_the_letter_goes_again(
    martin_box, dr_martin, make_peer, monkeypatch
):
    class PowerCut(BaseException):
        pass

    def die(*_args, **_options):
        raise PowerCut

    peer = make_peer()
    letter = send(martin_box, dr_martin)
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "accept", die)
        with pytest.raises(PowerCut):
            drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter)[0] == "in_flight"
    letter.deliveries.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweep_outbox()
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.is_uncertain) == ("queued", True)
    drain_peer(PRACTICE_DOMAIN)
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.is_uncertain, delivery.attempts) == ("accepted", False, 2)
    assert peer.letters[0] == peer.letters[1]


def test_failure_nobody_foresaw_defers_and_says_nothing_of_the_letter(
    martin_box, dr_martin, make_peer, monkeypatch, caplog
):
    def fail(_message):
        raise ValueError(PLANTED.decode() + PETIT)

    make_peer()
    letter = send(martin_box, dr_martin)
    monkeypatch.setattr(delivery_module, "iter_source", fail)
    with caplog.at_level(logging.DEBUG):
        drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter) == ("deferred", "internal")
    assert not letter.deliveries.get().is_uncertain
    assert "error=ValueError" in caplog.text
    assert PLANTED.decode() not in caplog.text
    assert PETIT not in caplog.text


def test_failure_of_our_own_after_the_dot_is_doubt(martin_box, dr_martin, make_peer, monkeypatch):
    def fail(*_args, **_options):
        raise RuntimeError

    make_peer()
    letter = send(martin_box, dr_martin)
    monkeypatch.setattr(tracking, "accept", fail)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter) == ("deferred", "internal")
    assert letter.deliveries.get().is_uncertain


def test_outbox_logs_no_address_and_no_content(post, caplog):
    with caplog.at_level(logging.DEBUG):
        post(replies={"RCPT": [f"550 5.1.1 <{PETIT}> unknown"]})
    assert PETIT not in caplog.text
    assert PLANTED.decode() not in caplog.text


# Where the peer is


@pytest.fixture
def mx(monkeypatch, settings):
    def tell(*records):
        settings.MAIL_ROUTES = {}
        answer = [SimpleNamespace(preference=p, exchange=name) for p, name in records]
        monkeypatch.setattr(dns.resolver, "resolve", lambda *_a, **_k: answer)

    return tell


def test_mx_that_leads_into_our_own_network_is_not_followed(
    martin_box, dr_martin, make_peer, mx, settings
):
    peer = make_peer()
    settings.SMTP_PORT_OUT = peer.port
    mx((10, "127.0.0.1."))
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter) == ("deferred", "unreachable")
    assert peer.connections == 0


def test_second_mx_is_tried_when_the_first_is_down_or_a_stranger(
    martin_box, dr_martin, make_peer, monkeypatch
):
    stranger = make_peer(key=HOSPITAL.key, domain="un.example")
    peer = make_peer()
    hosts = [Host("127.0.0.1", 1), Host("127.0.0.1", stranger.port), Host("127.0.0.1", peer.port)]
    monkeypatch.setattr(peers, "find_hosts", lambda _domain: hosts)
    monkeypatch.setattr(peers, "is_public", lambda _address: True)
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    delivery = letter.deliveries.get()
    assert delivery.state == "accepted"
    assert f"CN={PRACTICE.host}" in delivery.peer_dn
    assert heard(stranger, "MAIL") == []
    assert len(peer.letters) == 1


def test_what_was_learnt_of_one_host_is_not_said_of_the_next(
    martin_box, dr_martin, make_peer, monkeypatch
):
    stranger = make_peer(key=HOSPITAL.key)
    hosts = [Host("127.0.0.1", stranger.port), Host("127.0.0.1", 1)]
    monkeypatch.setattr(peers, "find_hosts", lambda _domain: hosts)
    monkeypatch.setattr(peers, "is_public", lambda _address: True)
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    delivery = letter.deliveries.get()
    assert (delivery.peer_host, delivery.peer_dn) == ("127.0.0.1:1", "")


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (dns.resolver.NXDOMAIN(), "failed", "no_such_domain"),
        (dns.resolver.LifetimeTimeout(timeout=1, errors=[]), "deferred", "dns_unavailable"),
    ],
)
def test_dns_decides_between_never_and_later(
    martin_box, dr_martin, trust_space, monkeypatch, error, state, reason
):
    def resolve(*_args, **_options):
        raise error

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert outcome(letter) == (state, reason)
    assert len(notices(martin_box)) == (state == "failed")
    assert Delivery.objects.get().attempts == 1
