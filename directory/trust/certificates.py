"""A certificate in, a typed identity out: chain, dates, usage and revocation are settled here and
nowhere else.

What a peer is then allowed to do is the white list's affair; this file knows no domain, no list and
no connection.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from django.conf import settings
from django.utils import timezone

from directory.trust.anchors import AnchorsError, is_issued_by, load_anchors
from directory.trust.dn import DnError, dn_hash, hash_name, normalise_dn, normalise_rdns
from directory.trust.problems import CertificateError, Problem
from directory.trust.revocation import STRONG_HASHES, check_not_revoked

__all__ = [
    "CertificateError",
    "DnError",
    "PeerIdentity",
    "Problem",
    "check_list_signer",
    "dn_hash",
    "identify_peer",
    "normalise_dn",
]

MINIMUM_RSA_BITS = 2048
MINIMUM_EC_BITS = 256
# RFC 5280 §4.2: a critical extension that we do not process means that we may not believe the
# certificate. Names in SAN decide nothing here (the full DN does), so processing them is leaving
# them aside.
PROCESSED_EXTENSIONS = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
Chain = tuple[x509.Certificate, x509.Certificate, x509.Certificate]
TLS_PURPOSES = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH})


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Who stands at the other end, proven. ``dn`` is written as the white list writes it (RFC 4514,
    CN first).
    """

    dn: str
    dn_hash: str
    serial: int
    issuer: str
    not_after: datetime


def identify_peer(der: bytes | None, *, now: datetime | None = None) -> PeerIdentity:
    """The identity that a TLS peer has proven with its certificate.

    Guaranteed: signed by a configured issuing CA for organisations which a configured root signed,
    every date of the chain holds, the certificate may be used for TLS, and neither it nor its
    issuing CA is revoked. Raises ``CertificateError`` with the first problem found; ``transient``
    is true only when we could not tell.
    """
    moment = now or timezone.now()
    certificate, issuer, root = _check_chain(der, now=moment)
    _check_tls_usage(certificate.extensions)
    check_not_revoked(certificate, issuer, now=moment)
    check_not_revoked(issuer, root, now=moment)
    return PeerIdentity(
        dn=certificate.subject.rfc4514_string(),
        dn_hash=_hash_subject(certificate),
        serial=certificate.serial_number,
        issuer=issuer.subject.rfc4514_string(),
        not_after=certificate.not_valid_after_utc,
    )


def check_list_signer(der: bytes, *, now: datetime | None = None) -> str:
    """The subject of the certificate that signed the white list, if it is the one allowed to.

    Guaranteed: what ``identify_peer`` guarantees of chain, dates and revocation,
    ``emailProtection`` and ``digitalSignature`` stated, and the CN of ``WHITELIST_SIGNER_CN``: any
    other organisation of the trust space has a certificate of the same CA and must not write the
    list. Raises ``CertificateError``.
    """
    moment = now or timezone.now()
    certificate, issuer, root = _check_chain(der, now=moment)
    extensions = certificate.extensions
    usage = _key_usage(extensions)
    purposes = _purposes(extensions)
    if usage is None or not usage.digital_signature:
        raise CertificateError(Problem.WRONG_USAGE)
    if purposes is None or ExtendedKeyUsageOID.EMAIL_PROTECTION not in purposes:
        raise CertificateError(Problem.WRONG_USAGE)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if [name.value for name in names] != [settings.WHITELIST_SIGNER_CN]:
        raise CertificateError(Problem.UNTRUSTED)
    check_not_revoked(certificate, issuer, now=moment)
    check_not_revoked(issuer, root, now=moment)
    return certificate.subject.rfc4514_string()


def _check_chain(der: bytes | None, *, now: datetime) -> Chain:
    """The certificate, its issuing CA and the root, once every signature, key, extension and date
    holds.
    """
    certificate = _read_certificate(der)
    try:
        anchors = load_anchors("organisations")
    except AnchorsError as error:
        # Our own fault: the peer may be a good one, so it is asked to come again.
        raise CertificateError(Problem.STATUS_UNKNOWN) from error
    issuer = _find_issuer(certificate, anchors.issuers)
    root = _find_issuer(issuer, anchors.roots)
    if not _has_strong_key(certificate) or not _may_stand_at_the_end(certificate.extensions):
        raise CertificateError(Problem.UNTRUSTED)
    for each in (certificate, issuer, root):
        if now < each.not_valid_before_utc:
            raise CertificateError(Problem.NOT_YET_VALID)
        if now > each.not_valid_after_utc:
            raise CertificateError(Problem.EXPIRED)
    return certificate, issuer, root


def _read_certificate(der: bytes | None) -> x509.Certificate:
    if not der:
        raise CertificateError(Problem.MISSING)
    try:
        certificate = x509.load_der_x509_certificate(der)
        # These are decoded on first use: touched here, so that a broken one is named as such.
        _ = (
            certificate.extensions,
            certificate.public_key(),
            certificate.signature_hash_algorithm,
            _hash_subject(certificate),
        )
    except (
        ValueError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise CertificateError(Problem.MALFORMED) from error
    return certificate


def _find_issuer(
    certificate: x509.Certificate, candidates: tuple[x509.Certificate, ...]
) -> x509.Certificate:
    if isinstance(certificate.signature_hash_algorithm, STRONG_HASHES):
        for candidate in candidates:
            if is_issued_by(certificate, candidate):
                return candidate
    raise CertificateError(Problem.UNTRUSTED)


def _has_strong_key(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= MINIMUM_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= MINIMUM_EC_BITS


def _may_stand_at_the_end(extensions: x509.Extensions) -> bool:
    for extension in extensions:
        if extension.critical and extension.oid not in PROCESSED_EXTENSIONS:
            return False
        if isinstance(extension.value, x509.BasicConstraints) and extension.value.ca:
            return False
    return True


def _check_tls_usage(extensions: x509.Extensions) -> None:
    """What the certificate says of its use must allow TLS; one that says nothing is allowed (RFC
    5280 §4.2.1.12).

    One purpose of the two is enough in both roles: an operator sends and receives with the same
    certificate, and the template of the national PKI is not published.
    """
    usage = _key_usage(extensions)
    purposes = _purposes(extensions)
    if usage is not None and not usage.digital_signature:
        raise CertificateError(Problem.WRONG_USAGE)
    if purposes is not None and not purposes & TLS_PURPOSES:
        raise CertificateError(Problem.WRONG_USAGE)


def _key_usage(extensions: x509.Extensions) -> x509.KeyUsage | None:
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _purposes(extensions: x509.Extensions) -> frozenset[x509.ObjectIdentifier] | None:
    try:
        return frozenset(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return None


def _hash_subject(certificate: x509.Certificate) -> str:
    """The hash of the subject, taken from its structure: no value can pass for a separator."""
    return hash_name(
        normalise_rdns(
            (
                (
                    attribute.oid.dotted_string,
                    attribute.value
                    if isinstance(attribute.value, str)
                    else f"#{attribute.value.hex()}",
                )
                for attribute in rdn
            )
            for rdn in certificate.subject.rdns
        )
    )
