"""Who a certificate proves somebody to be, and every reason to refuse it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from directory.trust.certificates import (
    CertificateError,
    Problem,
    check_list_signer,
    dn_hash,
    identify_peer,
)
from mssante.demo.operators import HOSPITAL
from mssante.demo.pki import SIGNER_CN, revoke, write_crl
from tests.pki import builder

YEAR = timedelta(days=365)


def problem(der, *, now=None):
    with pytest.raises(CertificateError) as caught:
        identify_peer(der, now=now)
    assert caught.value.transient == (caught.value.problem is Problem.STATUS_UNKNOWN)
    return caught.value.problem


def signer_problem(der):
    with pytest.raises(CertificateError) as caught:
        check_list_signer(der)
    return caught.value.problem


def test_peer_of_the_trust_space_is_identified_by_its_full_name(in_toy_space):
    peer = builder.peer(in_toy_space)
    identity = identify_peer(peer.der)
    expected = "CN=mss.peer.example,OU=1990000099,O=CLINIQUE DES PEUPLIERS,ST=Isère (38),C=FR"
    assert identity.dn == expected
    assert identity.dn_hash == dn_hash(expected)
    assert identity.serial == peer.serial
    assert identity.issuer.startswith("CN=AC DEMONSTRATION ELEMENTAIRE ORGANISATIONS,")
    assert identity.not_after == peer.certificate.not_valid_after_utc


def test_operator_of_the_demonstration_is_identified(in_toy_space):
    pem = (in_toy_space.root / "operators" / HOSPITAL.key / "cert.pem").read_bytes()
    identity = identify_peer(builder.der_of(pem))
    assert f"OU={HOSPITAL.structure_id}," in identity.dn


@pytest.mark.parametrize(
    "make", [builder.peer, builder.peer_with_twin_attributes, builder.peer_of_many_types]
)
def test_hash_of_the_structure_is_the_hash_of_the_written_name(in_toy_space, make):
    identity = identify_peer(make(in_toy_space).der)
    assert dn_hash(identity.dn) == identity.dn_hash


def test_value_cannot_pass_for_a_separator(in_toy_space):
    honest = builder.peer(in_toy_space, name={"organisation": "A", "unit": "1990000001"})
    sly = builder.peer(in_toy_space, name={"organisation": "A,OU=1990000001", "unit": ""})
    assert identify_peer(honest.der).dn_hash != identify_peer(sly.der).dn_hash


@pytest.mark.parametrize("der", [None, b""])
def test_no_certificate_is_missing(in_toy_space, der):
    assert problem(der) is Problem.MISSING


def test_junk_is_malformed(in_toy_space):
    assert problem(b"no certificate") is Problem.MALFORMED
    assert problem(builder.peer(in_toy_space).der + b"x") is Problem.MALFORMED
    assert problem(builder.peer(in_toy_space).der[:-1]) is Problem.MALFORMED


def test_certificate_without_a_name_is_malformed(in_toy_space):
    assert problem(builder.nameless_peer(in_toy_space).der) is Problem.MALFORMED


def test_certificate_with_an_extension_twice_is_malformed(in_toy_space):
    assert problem(builder.peer_with_doubled_extension(in_toy_space)) is Problem.MALFORMED


def test_unknown_authority_with_the_same_name_is_untrusted(in_toy_space, foreign_space):
    assert problem(builder.peer(foreign_space).der) is Problem.UNTRUSTED


def test_changed_signature_is_untrusted(in_toy_space):
    der = bytearray(builder.peer(in_toy_space).der)
    der[-1] ^= 1
    assert problem(bytes(der)) is Problem.UNTRUSTED


def test_certificate_signed_by_itself_is_untrusted(in_toy_space):
    assert problem(builder.authority().der) is Problem.UNTRUSTED


def test_certificate_of_a_person_is_no_operator(in_toy_space):
    person = builder.peer(in_toy_space, issuer=in_toy_space.authority("persons"))
    assert problem(person.der) is Problem.UNTRUSTED


def test_certificate_signed_by_the_root_itself_is_untrusted(in_toy_space):
    root = in_toy_space.authority("organisations", "root")
    assert problem(builder.peer(in_toy_space, issuer=root).der) is Problem.UNTRUSTED


def test_certificate_signed_by_another_operator_is_untrusted(in_toy_space):
    operator = builder.peer(in_toy_space)
    assert problem(builder.peer(in_toy_space, issuer=operator).der) is Problem.UNTRUSTED


def test_issuing_authority_that_is_not_configured_is_untrusted(in_toy_space):
    root = in_toy_space.authority("organisations", "root")
    other = builder.authority(issuer=root)
    assert problem(builder.peer(in_toy_space, issuer=other).der) is Problem.UNTRUSTED


def test_authority_is_no_peer(in_toy_space):
    below = builder.authority("AC DEMONSTRATION", issuer=in_toy_space.authority())
    assert problem(below.der) is Problem.UNTRUSTED


def test_extension_that_demands_to_be_processed_is_untrusted(in_toy_space):
    peer = builder.peer(in_toy_space, extra=builder.unknown_critical_extension())
    assert problem(peer.der) is Problem.UNTRUSTED


def test_small_keys_are_untrusted(in_toy_space):
    assert problem(builder.peer(in_toy_space, key_size=1024).der) is Problem.UNTRUSTED
    assert problem(builder.peer_with_curve(in_toy_space, bits=192)) is Problem.UNTRUSTED
    assert problem(builder.peer_with_edwards_key(in_toy_space)) is Problem.UNTRUSTED


def test_elliptic_key_and_certificate_that_states_no_usage_are_accepted(in_toy_space):
    assert identify_peer(builder.peer_with_curve(in_toy_space, bits=256)).serial


def test_signature_with_sha_1_is_untrusted(in_toy_space):
    assert problem(builder.peer_signed_with_sha1(in_toy_space)) is Problem.UNTRUSTED


def test_unknown_signature_algorithm_is_malformed(in_toy_space):
    der = builder.peer_signed_with_unknown_algorithm(in_toy_space)
    assert problem(der) is Problem.MALFORMED


def test_expired_and_future_certificates_are_told_apart(in_toy_space):
    now = timezone.now().replace(microsecond=0)
    expired = builder.peer(in_toy_space, not_before=now - 2 * YEAR, not_after=now - YEAR)
    future = builder.peer(in_toy_space, not_before=now + YEAR, not_after=now + 2 * YEAR)
    assert problem(expired.der) is Problem.EXPIRED
    assert problem(future.der) is Problem.NOT_YET_VALID


def test_dates_hold_to_the_second(in_toy_space):
    now = timezone.now().replace(microsecond=0)
    start, end = now + timedelta(hours=1), now + timedelta(hours=2)
    der = builder.peer(in_toy_space, not_before=start, not_after=end).der
    second = timedelta(seconds=1)
    assert problem(der, now=start - second) is Problem.NOT_YET_VALID
    assert identify_peer(der, now=start).serial
    assert identify_peer(der, now=end).serial
    assert problem(der, now=end + second) is Problem.EXPIRED


def test_expired_authority_takes_its_certificates_along(own_space):
    now = timezone.now().replace(microsecond=0)
    root = own_space.authority("organisations", "root")
    old = builder.authority(issuer=root, not_before=now - 2 * YEAR, not_after=now - YEAR)
    (own_space.anchors / "organisations" / "old.pem").write_bytes(old.pem)
    assert problem(builder.peer(own_space, issuer=old).der) is Problem.EXPIRED


@pytest.mark.parametrize(
    "purposes", [None, ("serverAuth",), ("clientAuth",), ("serverAuth", "clientAuth")]
)
def test_one_tls_purpose_or_none_stated_is_enough(in_toy_space, purposes):
    assert identify_peer(builder.peer(in_toy_space, purposes=purposes).der).serial


@pytest.mark.parametrize("purposes", [("emailProtection",), ("codeSigning", "emailProtection")])
def test_other_purposes_are_a_wrong_usage(in_toy_space, purposes):
    der = builder.peer(in_toy_space, purposes=purposes).der
    assert problem(der) is Problem.WRONG_USAGE


def test_key_that_may_not_sign_is_a_wrong_usage(in_toy_space):
    der = builder.peer(in_toy_space, usages=frozenset({"key_encipherment"})).der
    assert problem(der) is Problem.WRONG_USAGE


def test_signer_of_the_list_is_no_tls_peer(in_toy_space):
    assert problem(in_toy_space.signer().der) is Problem.WRONG_USAGE


def test_revoked_peer_is_refused(own_space):
    peer = builder.peer(own_space)
    assert identify_peer(peer.der).serial
    revoke(own_space, peer.serial)
    assert problem(peer.der) is Problem.REVOKED


def test_revoked_authority_takes_its_certificates_along(own_space):
    peer = builder.peer(own_space)
    write_crl(own_space, "organisations", "root", revoked=[own_space.authority().serial])
    assert problem(peer.der) is Problem.REVOKED


@pytest.mark.parametrize("missing", ["ACI-EL-ORG.crl", "ACR-EL.crl"])
def test_missing_list_of_either_authority_asks_to_come_again(own_space, missing):
    (own_space.crl / missing).unlink()
    assert problem(builder.peer(own_space).der) is Problem.STATUS_UNKNOWN


def test_missing_anchors_ask_to_come_again(own_space, settings):
    peer = builder.peer(own_space)
    settings.TRUST_ANCHORS_DIR = own_space.root / "nowhere"
    assert problem(peer.der) is Problem.STATUS_UNKNOWN


def test_signer_of_the_list_is_accepted_by_chain_name_and_usage(in_toy_space):
    assert check_list_signer(in_toy_space.signer().der).startswith(f"CN={SIGNER_CN},")
    renewed = builder.list_signer(in_toy_space, common_name=SIGNER_CN)
    assert check_list_signer(renewed.der)


def test_other_organisation_does_not_sign_the_list(in_toy_space):
    other = builder.list_signer(in_toy_space, common_name="mss.peer.example")
    assert signer_problem(other.der) is Problem.UNTRUSTED
    assert signer_problem(builder.list_signer_with_two_names(in_toy_space, SIGNER_CN).der) is (
        Problem.UNTRUSTED
    )


def test_signer_of_an_unknown_authority_is_refused(in_toy_space, foreign_space):
    assert signer_problem(foreign_space.signer().der) is Problem.UNTRUSTED


@pytest.mark.parametrize(
    "changes",
    [
        {"purposes": None},
        {"purposes": ("serverAuth", "clientAuth")},
        {"usages": None},
        {"usages": frozenset({"content_commitment"})},
    ],
)
def test_signer_must_state_its_usage(in_toy_space, changes):
    signer = builder.list_signer(in_toy_space, common_name=SIGNER_CN, **changes)
    assert signer_problem(signer.der) is Problem.WRONG_USAGE


def test_expired_or_revoked_signer_is_refused(own_space):
    now = timezone.now().replace(microsecond=0)
    expired = builder.list_signer(
        own_space, common_name=SIGNER_CN, not_before=now - 2 * YEAR, not_after=now - YEAR
    )
    assert signer_problem(expired.der) is Problem.EXPIRED
    revoke(own_space, own_space.signer().serial)
    assert signer_problem(own_space.signer().der) is Problem.REVOKED
