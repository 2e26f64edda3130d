"""Lists of revoked certificates: present, fresh, signed by the issuer; anything else is "we cannot
tell".
"""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from directory.trust.problems import CertificateError, Problem
from directory.trust.revocation import check_not_revoked
from mssante.demo.pki import revoke, write_crl, write_file
from tests.pki import builder

ORGANISATION_LIST = "ACI-EL-ORG.crl"


@pytest.fixture
def peer(own_space):
    return builder.peer(own_space)


def status(space, issued, *, now=None):
    """The problem found, or nothing."""
    try:
        check_not_revoked(issued.certificate, space.authority().certificate, now=now)
    except CertificateError as error:
        return error.problem
    return None


def test_certificate_absent_from_the_list_is_good(own_space, peer):
    assert status(own_space, peer) is None


def test_revoked_certificate_is_refused_at_once(own_space, peer):
    assert status(own_space, peer) is None
    revoke(own_space, peer.serial)
    assert status(own_space, peer) is Problem.REVOKED


def test_another_revoked_number_does_no_harm(own_space, peer):
    revoke(own_space, peer.serial + 1)
    assert status(own_space, peer) is None


def test_same_number_under_another_issuer_is_not_revoked(own_space, peer):
    other_issuer = builder.authority()
    (own_space.crl / "other.crl").write_bytes(builder.crl(other_issuer, revoked=[peer.serial]))
    assert status(own_space, peer) is None


def test_missing_list_is_unknown(own_space, peer):
    (own_space.crl / ORGANISATION_LIST).unlink()
    assert status(own_space, peer) is Problem.STATUS_UNKNOWN


def test_missing_folder_is_unknown(own_space, peer, settings):
    settings.TRUST_CRL_DIR = own_space.root / "nowhere"
    assert status(own_space, peer) is Problem.STATUS_UNKNOWN


def test_forged_list_is_unknown_and_not_good(own_space, peer):
    authority = own_space.authority()
    forged = builder.crl(authority, key=builder.foreign_key())
    write_file(own_space.crl / ORGANISATION_LIST, forged)
    assert status(own_space, peer) is Problem.STATUS_UNKNOWN


def test_forged_list_beside_the_good_one_revokes_nobody(own_space, peer):
    authority = own_space.authority()
    forged = builder.crl(authority, key=builder.foreign_key(), revoked=[peer.serial])
    (own_space.crl / "forged.crl").write_bytes(forged)
    assert status(own_space, peer) is None


def test_newest_list_decides(own_space, peer):
    earlier = timezone.now() - timedelta(days=3)
    stale = builder.crl_at(own_space.authority(), earlier, revoked=[peer.serial])
    (own_space.crl / "earlier.crl").write_bytes(stale)
    assert status(own_space, peer) is None
    (own_space.crl / "later.crl").write_bytes(
        builder.crl(own_space.authority(), revoked=[peer.serial])
    )
    assert status(own_space, peer) is Problem.REVOKED


def test_list_of_the_future_is_left_aside(own_space, peer):
    later = timezone.now() + timedelta(days=1)
    listed = builder.crl_at(own_space.authority(), later, revoked=[peer.serial])
    (own_space.crl / "future.crl").write_bytes(listed)
    assert status(own_space, peer) is None


def test_list_in_pem_is_read(own_space, peer):
    (own_space.crl / ORGANISATION_LIST).unlink()
    (own_space.crl / "pem.crl").write_bytes(builder.crl(own_space.authority(), pem=True))
    assert status(own_space, peer) is None


@pytest.mark.parametrize("make", [builder.delta_marker, builder.partial_marker])
def test_list_that_does_not_say_all_is_unknown(own_space, peer, make):
    partial = builder.crl(own_space.authority(), extension=make())
    write_file(own_space.crl / ORGANISATION_LIST, partial)
    assert status(own_space, peer) is Problem.STATUS_UNKNOWN


def test_junk_is_logged_and_does_not_hide_the_good_list(own_space, peer, caplog):
    (own_space.crl / "junk.crl").write_bytes(b"no list")
    with caplog.at_level(logging.WARNING):
        assert status(own_space, peer) is None
    assert "event=crl_unusable file=junk.crl" in caplog.text


def test_list_past_its_end_serves_within_the_grace_and_is_logged(own_space, peer, settings, caplog):
    settings.TRUST_CRL_GRACE_HOURS = 24
    end = timezone.now().replace(microsecond=0) + timedelta(days=1)
    write_crl(own_space, "organisations", "issuing", next_update=end)
    assert status(own_space, peer, now=end) is None
    assert "crl_in_grace" not in caplog.text
    assert status(own_space, peer, now=end + timedelta(hours=24)) is None
    assert "event=crl_in_grace" in caplog.text
    past = end + timedelta(hours=24, seconds=1)
    assert status(own_space, peer, now=past) is Problem.STATUS_UNKNOWN


def test_number_in_a_stale_list_is_revoked_all_the_same(own_space, peer):
    end = timezone.now() + timedelta(days=1)
    write_crl(own_space, "organisations", "issuing", revoked=[peer.serial], next_update=end)
    assert status(own_space, peer, now=end + timedelta(days=30)) is Problem.REVOKED


def test_list_of_an_issuer_that_may_not_sign_lists_is_unknown(own_space):
    root = own_space.authority("organisations", "root")
    issuer = builder.authority(issuer=root, usages=frozenset({"key_cert_sign"}))
    peer = builder.peer(own_space, issuer=issuer)
    (own_space.crl / "other.crl").write_bytes(builder.crl(issuer))
    with pytest.raises(CertificateError) as caught:
        check_not_revoked(peer.certificate, issuer.certificate)
    assert caught.value.problem is Problem.STATUS_UNKNOWN


def test_issuer_without_stated_usage_may_sign_lists(own_space):
    issuer = builder.authority(usages=None)
    peer = builder.peer(own_space, issuer=issuer)
    (own_space.crl / "other.crl").write_bytes(builder.crl(issuer))
    check_not_revoked(peer.certificate, issuer.certificate)


def test_list_with_another_kind_of_signature_is_unknown(own_space, peer):
    name = own_space.authority().certificate.subject
    write_file(own_space.crl / ORGANISATION_LIST, builder.crl_of_edwards_name(name))
    assert status(own_space, peer) is Problem.STATUS_UNKNOWN


def test_list_with_an_unknown_signature_algorithm_is_unknown(own_space, peer):
    bent = builder.crl_signed_with_unknown_algorithm(own_space)
    write_file(own_space.crl / ORGANISATION_LIST, bent)
    assert status(own_space, peer) is Problem.STATUS_UNKNOWN


def test_list_of_an_issuer_with_an_unusual_key_is_unknown(own_space, peer):
    issuer = builder.authority_with_edwards_key()
    (own_space.crl / "edwards.crl").write_bytes(builder.crl_for_name(own_space, issuer.subject))
    with pytest.raises(CertificateError) as caught:
        check_not_revoked(peer.certificate, issuer)
    assert caught.value.problem is Problem.STATUS_UNKNOWN


def test_list_that_cannot_be_read_is_unknown(own_space, peer):
    (own_space.crl / "folder.crl").mkdir()
    assert status(own_space, peer) is Problem.STATUS_UNKNOWN
