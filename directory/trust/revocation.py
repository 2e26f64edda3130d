"""Has an authority withdrawn this certificate? Answered from the lists (CRL) that lie in one folder
of ours.

The address written inside a peer's certificate is never followed: a peer does not choose who
vouches for it. A list counts only when the issuer's own key signed it (RFC 5280 §6.3.3). This file
knows no network and no white list.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings
from django.utils import timezone

from directory.trust.files import FileStamp, stamp_all
from directory.trust.problems import CertificateError, Problem

logger = logging.getLogger(__name__)

STRONG_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
CLOCK_SKEW = timedelta(minutes=5)


def check_not_revoked(
    certificate: x509.Certificate, issuer: x509.Certificate, *, now: datetime | None = None
) -> None:
    """Guarantees that the newest list of ``issuer`` is fresh enough and does not name the
    certificate.

    Raises ``CertificateError``: ``REVOKED``, or ``STATUS_UNKNOWN`` when there is no list that we
    can believe or it is past its ``nextUpdate`` and ``TRUST_CRL_GRACE_HOURS``. A number found in an
    old list is revoked all the same: what an authority has withdrawn does not come back with time.
    """
    moment = now or timezone.now()
    usable = [crl for crl in _lists_of(issuer) if crl.last_update_utc <= moment + CLOCK_SKEW]
    if not usable:
        raise CertificateError(Problem.STATUS_UNKNOWN)
    newest = max(usable, key=lambda crl: crl.last_update_utc)
    if newest.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
        raise CertificateError(Problem.REVOKED)
    _check_fresh(newest, now=moment)


def _check_fresh(crl: x509.CertificateRevocationList, *, now: datetime) -> None:
    # RFC 5280 §5.1.2.5: a list without nextUpdate is not conformant, and nothing says how long it
    # may serve.
    end = crl.next_update_utc
    if end is None or now > end + timedelta(hours=settings.TRUST_CRL_GRACE_HOURS):
        raise CertificateError(Problem.STATUS_UNKNOWN)
    if now > end:
        logger.warning(
            "event=crl_in_grace issuer=%r since=%s", crl.issuer.rfc4514_string(), end.isoformat()
        )


def _lists_of(issuer: x509.Certificate) -> Iterator[x509.CertificateRevocationList]:
    try:
        for each in stamp_all(Path(settings.TRUST_CRL_DIR), "*.crl"):
            crl = _read_list(each)
            if crl is not None and crl.issuer == issuer.subject and _is_signed_by(each, issuer):
                yield crl
    except OSError as error:
        # A list was being replaced while we looked, or we may not read it: we cannot tell.
        raise CertificateError(Problem.STATUS_UNKNOWN) from error


@lru_cache(maxsize=32)
def _read_list(source: FileStamp) -> x509.CertificateRevocationList | None:
    """The list in a file, or nothing (and a log line) when it is not one that we may use whole."""
    data = source.path.read_bytes()
    try:
        is_pem = data.lstrip().startswith(b"-----BEGIN")
        crl = x509.load_pem_x509_crl(data) if is_pem else x509.load_der_x509_crl(data)
        # RFC 5280 §5.2: a critical extension marks a delta, a partial or an indirect list. None
        # says it all.
        is_whole = not any(extension.critical for extension in crl.extensions)
        is_whole = is_whole and isinstance(crl.signature_hash_algorithm, STRONG_HASHES)
    except (
        ValueError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        is_whole = False
    if not is_whole:
        logger.warning("event=crl_unusable file=%s", source.path.name)
        return None
    return crl


@lru_cache(maxsize=64)
def _is_signed_by(source: FileStamp, issuer: x509.Certificate) -> bool:
    crl = _read_list(source)
    key = issuer.public_key()
    if crl is None or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return _may_sign_lists(issuer) and crl.is_signature_valid(key)


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    """RFC 5280 §4.2.1.3: an authority with a keyUsage signs lists only when it says cRLSign."""
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True
