"""From verified file to active list: swapped whole, never backwards, kept when the next is bad."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError

from directory.models import TrustedDomain, WhitelistSnapshot
from directory.trust import whitelist
from directory.trust.certificates import identify_peer
from directory.trust.whitelist import (
    WhitelistError,
    WhitelistFault,
    WhitelistStale,
    active_version,
    check_fresh,
    is_listed,
    is_listed_domain,
    is_trusted,
    is_trusted_name,
    load_whitelist,
    refresh_whitelist,
)
from mssante.demo.operators import HOSPITAL, PRACTICE
from mssante.demo.pki import revoke, sign_whitelist, write_file
from tests.pki import builder, lists

pytestmark = pytest.mark.django_db(databases="__all__")

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
A = ("a.mssante.example", "CN=a.example,O=A,C=FR", "Clinique A")
B = ("b.mssante.example", "CN=b.example,O=B,C=FR", "Clinique B")
C = ("c.mssante.example", "CN=c.example,O=C,C=FR", "Clinique C")


def published(space, *entries, at=NOW):
    return sign_whitelist(space, entries, at)


def fault(data, *, now=None):
    with pytest.raises(WhitelistError) as caught:
        load_whitelist(data, now=now)
    return caught.value.reason


def test_first_list_becomes_active(in_toy_space, caplog):
    with caplog.at_level(logging.INFO):
        snapshot = load_whitelist(published(in_toy_space, A, B, B, (A[0], B[1], "")), now=NOW)
    assert (snapshot.entry_count, snapshot.domain_count) == (3, 2)
    assert snapshot.generated_at == snapshot.loaded_at == snapshot.checked_at == NOW
    assert snapshot.is_active
    assert len(snapshot.digest) == 64
    assert active_version() == snapshot.version == snapshot.pk
    assert snapshot.entries.count() == 3
    assert f"event=whitelist_loaded version={snapshot.pk} entries=3 domains=2" in caplog.text
    assert "CN=" not in caplog.text


def test_newer_list_replaces_the_active_one_whole(in_toy_space):
    first = load_whitelist(published(in_toy_space, A, B), now=NOW)
    second = load_whitelist(published(in_toy_space, B, C, at=NOW + HOUR), now=NOW + HOUR)
    first.refresh_from_db()
    assert not first.is_active
    assert active_version() == second.pk
    assert not is_listed_domain(A[0])
    assert is_listed_domain(B[0])
    assert is_listed_domain(C[0])


def test_same_file_again_is_a_confirmation(in_toy_space):
    data = published(in_toy_space, A)
    first = load_whitelist(data, now=NOW)
    again = load_whitelist(data, now=NOW + HOUR)
    assert again.pk == first.pk
    assert (again.loaded_at, again.checked_at) == (NOW, NOW + HOUR)
    assert WhitelistSnapshot.objects.count() == 1
    assert check_fresh(NOW + HOUR).checked_at == NOW + HOUR


def test_same_file_whose_signer_was_revoked_is_no_confirmation(own_space):
    data = published(own_space, A)
    load_whitelist(data, now=NOW)
    revoke(own_space, own_space.signer().serial)
    assert fault(data, now=NOW + HOUR) is WhitelistFault.SIGNER
    assert check_fresh(NOW).checked_at == NOW


def test_older_list_is_a_rollback(in_toy_space):
    active = load_whitelist(published(in_toy_space, A), now=NOW)
    older = published(in_toy_space, B, at=NOW - timedelta(seconds=1))
    assert fault(older, now=NOW) is WhitelistFault.ROLLBACK
    assert active_version() == active.pk
    assert not is_listed_domain(B[0])


def test_other_list_of_the_same_second_is_accepted(in_toy_space):
    load_whitelist(published(in_toy_space, A), now=NOW)
    load_whitelist(published(in_toy_space, B), now=NOW)
    assert is_listed_domain(B[0])


def test_earlier_list_cannot_come_back_after_a_newer_one(in_toy_space):
    data = published(in_toy_space, A)
    load_whitelist(data, now=NOW)
    load_whitelist(published(in_toy_space, B, at=NOW + HOUR), now=NOW + HOUR)
    assert fault(data, now=NOW + HOUR) is WhitelistFault.ROLLBACK


def test_refused_list_leaves_the_active_one(in_toy_space, foreign_space):
    active = load_whitelist(published(in_toy_space, A), now=NOW)
    later = NOW + HOUR
    assert fault(published(foreign_space, B, at=later), now=later) is WhitelistFault.SIGNER
    assert fault(published(in_toy_space, at=later), now=later) is WhitelistFault.EMPTY
    assert fault(published(in_toy_space, B, at=later + HOUR), now=NOW) is WhitelistFault.FUTURE
    assert fault(lists.unsigned([B]), now=later) is WhitelistFault.SIGNATURE
    assert fault(b"junk", now=later) is WhitelistFault.MALFORMED
    active.refresh_from_db()
    assert active.is_active
    assert active.checked_at == NOW
    assert WhitelistSnapshot.objects.count() == 1
    assert TrustedDomain.objects.count() == 1


def test_failure_in_the_middle_of_a_swap_leaves_the_active_list(in_toy_space, monkeypatch):
    active = load_whitelist(published(in_toy_space, A), now=NOW)

    def fail(*_args, **_kwargs):
        raise IntegrityError

    monkeypatch.setattr(TrustedDomain.objects, "bulk_create", fail)
    newer = published(in_toy_space, B, at=NOW + HOUR)
    assert fault(newer, now=NOW + HOUR) is WhitelistFault.CONCURRENT
    assert active_version() == active.pk
    assert is_listed_domain(A[0])


def test_last_snapshots_are_kept_and_older_ones_go(in_toy_space, monkeypatch):
    monkeypatch.setattr(whitelist, "KEPT_SNAPSHOTS", 3)
    versions = [
        load_whitelist(published(in_toy_space, A, at=NOW + n * HOUR), now=NOW + n * HOUR).pk
        for n in range(5)
    ]
    kept = WhitelistSnapshot.objects.order_by("pk").values_list("pk", flat=True)
    assert list(kept) == versions[-3:]
    assert TrustedDomain.objects.count() == 3


def test_changed_signer_is_noted(own_space, caplog):
    load_whitelist(published(own_space, A), now=NOW)
    other = builder.list_signer(own_space, common_name="alb.demonstration.example")
    data = lists.signed_by(other, [A], NOW + HOUR)
    snapshot = load_whitelist(data, now=NOW + HOUR)
    assert f"event=whitelist_signer_changed version={snapshot.pk}" in caplog.text


def test_refresh_reads_the_source(in_toy_space):
    snapshot = refresh_whitelist()
    assert snapshot.domain_count == 2
    assert is_listed_domain(HOSPITAL.domain)
    assert is_listed_domain(PRACTICE.domain)


def test_missing_source_is_unreadable(own_space, settings):
    settings.WHITELIST_SOURCE = own_space.root / "nowhere.xml"
    with pytest.raises(WhitelistError) as caught:
        refresh_whitelist()
    assert caught.value.reason is WhitelistFault.UNREADABLE


def test_giant_source_is_refused_without_being_held(own_space, monkeypatch):
    monkeypatch.setattr(whitelist, "MAX_BYTES", 10)
    write_file(own_space.whitelist, b"x" * 1000)
    assert len(whitelist.read_source(own_space.whitelist)) == 11


def test_no_list_is_stale():
    with pytest.raises(WhitelistStale) as caught:
        check_fresh()
    assert caught.value.reason is WhitelistFault.MISSING
    assert active_version() is None
    assert not is_listed_domain(A[0])


def test_list_is_fresh_until_its_age_limit(in_toy_space, settings):
    settings.WHITELIST_MAX_AGE_HOURS = 48
    snapshot = load_whitelist(published(in_toy_space, A), now=NOW)
    assert check_fresh(NOW + 48 * HOUR) == snapshot
    with pytest.raises(WhitelistStale) as caught:
        check_fresh(NOW + 48 * HOUR + timedelta(seconds=1))
    assert caught.value.reason is WhitelistFault.STALE


def test_operator_is_trusted_for_its_own_domain_only(in_toy_space):
    refresh_whitelist()
    pem = (in_toy_space.root / "operators" / HOSPITAL.key / "cert.pem").read_bytes()
    hospital = identify_peer(builder.der_of(pem))
    assert is_trusted(HOSPITAL.domain, hospital)
    assert is_trusted(HOSPITAL.domain.upper(), hospital)
    assert not is_trusted(PRACTICE.domain, hospital)
    assert not is_trusted(f"sub.{HOSPITAL.domain}", hospital)
    assert not is_trusted("", hospital)
    assert is_listed(hospital)
    assert is_trusted_name(HOSPITAL.domain.upper(), hospital.dn)
    assert not is_trusted_name(PRACTICE.domain, hospital.dn)


def test_same_cn_in_another_organisation_is_not_trusted(in_toy_space):
    refresh_whitelist()
    other = builder.peer(
        in_toy_space, name={"common_name": HOSPITAL.host, "unit": HOSPITAL.structure_id}
    )
    identity = identify_peer(other.der)
    assert not is_trusted(HOSPITAL.domain, identity)
    assert not is_listed(identity)


def test_several_operators_of_a_domain_are_all_trusted(in_toy_space):
    peers = [
        builder.peer(in_toy_space, name={"common_name": f"mss{n}.peer.example"}) for n in range(5)
    ]
    entries = [("shared.mssante.example", peer.dn, "") for peer in peers]
    load_whitelist(published(in_toy_space, *entries), now=NOW)
    for peer in peers:
        assert is_trusted("shared.mssante.example", identify_peer(peer.der))


@pytest.mark.parametrize(
    "written",
    [
        'CN=mss.peer.example ,OU=1990000099,O="CLINIQUE DES PEUPLIERS",ST=Isère (38),C=FR',
        "CN=mss.peer.example, OU=1990000099, O=CLINIQUE\u00a0DES PEUPLIERS, ST=Isère(38), C=FR",
        "C=FR,L=Isère (38),O=Clinique  des Peupliers,OU=1990000099,CN=mss.peer.example",
    ],
)
def test_name_written_oddly_in_the_list_is_still_the_peers(in_toy_space, written):
    load_whitelist(published(in_toy_space, ("p.mssante.example", written, "")), now=NOW)
    identity = identify_peer(builder.peer(in_toy_space).der)
    assert is_trusted("p.mssante.example", identity)
    assert TrustedDomain.objects.get().dn == written


def test_questions_take_one_query_each(in_toy_space, django_assert_num_queries):
    load_whitelist(published(in_toy_space, A), now=NOW)
    identity = identify_peer(builder.peer(in_toy_space).der)
    alias = WhitelistSnapshot.objects.db
    for ask in (
        lambda: is_trusted(A[0], identity),
        lambda: is_listed(identity),
        lambda: is_listed_domain(A[0]),
        active_version,
        lambda: check_fresh(NOW),
    ):
        with django_assert_num_queries(1, using=alias):
            ask()
