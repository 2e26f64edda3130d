"""Every row of the order of checks, by values alone."""

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.audit.models import AuditEvent
from directory.models import WhitelistSnapshot
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.issuance import current_time
from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.factories.letters import MARTIN, PETIT
from tests.pki import builder
from webmail.inbound import gate
from webmail.inbound.gate import Header, RefusedError, Reply

pytestmark = pytest.mark.django_db(databases="__all__")


def practice_der(space):
    return builder.der_of((space.root / "operators" / PRACTICE.key / "cert.pem").read_bytes())


@pytest.fixture
def space(in_toy_space):
    refresh_whitelist()
    return in_toy_space


@pytest.fixture
def peer(space):
    return gate.check_peer(practice_der(space))


def refusal(question, *args, **kwargs):
    with pytest.raises(RefusedError) as refused:
        question(*args, **kwargs)
    return str(refused.value.reply)


def test_listed_peer_is_known_by_its_full_name_and_the_list_that_says_so(peer):
    assert peer.identity.dn.startswith("CN=mss.cabinet-tilleuls.example,OU=399000000000018,")
    assert peer.whitelist_version == WhitelistSnapshot.objects.get(is_active=True).pk


@pytest.mark.parametrize("certificate", [None, b""])
def test_no_certificate_is_550(space, certificate):
    assert refusal(gate.check_peer, certificate) == "550 5.7.1 client certificate required"


def test_bytes_that_are_no_certificate_are_550(space):
    assert refusal(gate.check_peer, b"0\x03abc") == "550 5.7.1 certificate cannot be read"


def test_certificate_of_another_tree_is_550(space, foreign_space):
    der = builder.peer(foreign_space).der
    assert refusal(gate.check_peer, der) == "550 5.7.1 certificate not issued by IGC-Sante"


@pytest.mark.parametrize(
    ("bound", "shift", "text"),
    [
        ("not_after", timedelta(minutes=-1), "certificate expired"),
        ("not_before", timedelta(days=2), "certificate not valid yet"),
    ],
)
def test_certificate_out_of_its_dates_is_550(space, bound, shift, text):
    der = builder.peer(space, **{bound: current_time() + shift}).der
    assert refusal(gate.check_peer, der) == f"550 5.7.1 {text}"


def test_unlisted_certificate_is_550(space):
    der = builder.peer(space).der
    assert refusal(gate.check_peer, der) == "550 5.7.1 operator not in white list"


def test_old_list_and_no_list_are_454(space, settings):
    der = practice_der(space)
    late = timezone.now() - timedelta(hours=settings.WHITELIST_MAX_AGE_HOURS + 1)
    WhitelistSnapshot.objects.update(checked_at=late)
    assert refusal(gate.check_peer, der).startswith("454 4.7.0")
    WhitelistSnapshot.objects.update(is_active=False)
    assert refusal(gate.check_peer, der).startswith("454 4.7.0")


@pytest.mark.parametrize("sender", [PETIT, PETIT.upper(), ""])
def test_sender_of_the_certificate_s_domain_or_of_none_passes(peer, sender):
    gate.check_sender(peer, sender)


@pytest.mark.parametrize(
    "sender", [MARTIN, "a@x.cabinet-tilleuls.mssante.example", f"{PETIT}@x.example", "sans-arobase"]
)
def test_sender_of_another_domain_is_550(peer, sender):
    assert refusal(gate.check_sender, peer, sender).startswith("550 5.7.1 sender domain")


def test_size_is_judged_to_the_byte(settings):
    gate.check_size(settings.MESSAGE_SIZE_LIMIT_IN)
    too_much = settings.MESSAGE_SIZE_LIMIT_IN + 1
    assert refusal(gate.check_size, too_much) == "552 5.3.4 message too big"


@pytest.mark.parametrize("is_there", [True, False])
def test_disk_is_full_before_nothing_is_left(settings, tmp_path, is_there):
    settings.SPOOL_DIR = tmp_path if is_there else tmp_path / "state" / "spool"
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    settings.SPOOL_LEAST_FREE_BYTES = free // 2
    gate.check_disk()
    settings.SPOOL_LEAST_FREE_BYTES = free * 2
    answer = "452 4.3.1 no room here at the moment, try again later"
    assert refusal(gate.check_disk) == answer


def test_recipient_is_found_whatever_the_case(martin_box):
    assert gate.check_recipient(MARTIN.title(), size=0, known=0) == martin_box


def test_room_is_judged_to_the_byte(martin_box):
    martin_box.used_bytes, martin_box.quota_bytes = 90, 100
    martin_box.save()
    gate.check_recipient(MARTIN, size=10, known=0)
    assert refusal(gate.check_recipient, MARTIN, size=11, known=0) == "452 4.2.2 mailbox full"


def test_author_in_the_sender_s_domain_passes_without_asking_the_list(peer):
    WhitelistSnapshot.objects.all().delete()
    gate.check_author(peer, PETIT, Header((PETIT.upper(),)))
    gate.check_author(peer, PETIT, Header(()))


def test_one_foreign_author_among_good_ones_is_550(peer):
    both, foreign = Header((PETIT, MARTIN)), Header((f"x@{HOSPITAL.domain}",))
    assert refusal(gate.check_author, peer, PETIT, both).startswith("550 5.7.1 From:")
    assert refusal(gate.check_author, peer, PETIT, foreign).startswith("550")


def test_machine_s_report_may_name_its_host(peer):
    daemon = "MAILER-DAEMON@mss.cabinet-tilleuls.example"
    gate.check_author(peer, "", Header((daemon,), is_report=True))
    assert refusal(gate.check_author, peer, "", Header((daemon,))).startswith("550 5.7.1 From:")


def test_null_sender_speaks_under_no_listed_name_but_its_own(peer):
    gate.check_author(peer, "", Header((PETIT,)))
    for is_report in (True, False):
        foreign = Header((MARTIN,), is_report=is_report)
        assert refusal(gate.check_author, peer, "", foreign).startswith("550 5.7.1 From:")


def test_letter_of_unannounced_size_needs_room_in_one_box_at_least(martin_box):
    gate.check_room([martin_box], 1000)
    martin_box.quota_bytes = 10
    martin_box.save()
    assert refusal(gate.check_room, [martin_box], 1000).startswith("452 4.2.2")


@pytest.mark.parametrize(
    ("head", "authors"),
    [
        (b"From: a@b.example\r\nFrom: c@d.example\r\n\r\nFrom: e@f.example", 2),
        (b"from : a@b.example\r\n\r\n", 1),
        (b"Subject: x\r\n\r\nFrom: a@b.example\r\n", 0),
        (b"", 0),
        (b"From: a@b.example", 1),
    ],
)
def test_authors_are_read_from_the_header_alone(head, authors):
    header = gate.read_header(head)
    assert header is not None
    assert len(header.authors) == authors


def test_header_that_goes_on_past_what_is_looked_at_is_not_judged():
    line = b"X: " + b"a" * 95 + b"\r\n"
    head = (line * (gate.HEADER_BYTES // len(line) + 1))[: gate.HEADER_BYTES]
    assert gate.read_header(head) is None
    assert gate.read_header(head[: gate.HEADER_BYTES // 2]) == Header(())
    whole = b"From: a@b.example\r\n\r\n" + b"a" * gate.HEADER_BYTES
    assert gate.read_header(whole[: gate.HEADER_BYTES]) == Header(("a@b.example",))


def test_trail_of_a_refusal_holds_names_and_codes_only():
    reply = Reply(550, "5.1.1", "no such mailbox", "unknown_mailbox")
    gate.note_refusal(reply, peer_dn="CN=x", domain="b.example")
    assert AuditEvent.objects.get().detail == {
        "reply": "550 5.1.1",
        "reason": "unknown_mailbox",
        "peer_dn": "CN=x",
        "domain": "b.example",
    }
