"""The certification authorities we believe, read from a folder of PEM files: roots and the issuing
CAs below them.

Only these files count, never the system's store. This file knows no peer and no network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings

from directory.trust.files import FileStamp, stamp_all

AnchorKind = Literal["organisations", "persons"]

TOY_MARK = "DEMONSTRATION"  # The toy tree carries it in O and CN of each of its authorities.


class AnchorsError(Exception):
    """The folder of anchors is empty, unreadable, or holds something that is no authority."""


@dataclass(frozen=True, slots=True)
class Anchors:
    roots: tuple[x509.Certificate, ...]
    issuers: tuple[x509.Certificate, ...]
    pem: str


def load_anchors(kind: AnchorKind) -> Anchors:
    """The authorities for one purpose, read again when a file changes.

    Guaranteed: each is a CA that may sign certificates, there is at least one root and one issuing
    CA, and each issuing CA is signed by one of the roots. Raises ``AnchorsError`` otherwise.
    """
    folder = Path(settings.TRUST_ANCHORS_DIR) / kind
    try:
        return _read_anchors(stamp_all(folder, "*.pem"))
    except OSError as error:
        raise AnchorsError(f"The anchors for {kind} cannot be read.") from error


def is_toy(anchors: Anchors) -> bool:
    """Whether any authority belongs to the toy tree of the demonstration, which no real site may
    believe.
    """
    return any(
        TOY_MARK in anchor.subject.rfc4514_string().upper()
        for anchor in (*anchors.roots, *anchors.issuers)
    )


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether ``issuer`` has the name that the certificate states, and its key signed it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


@lru_cache(maxsize=8)
def _read_anchors(stamps: tuple[FileStamp, ...]) -> Anchors:
    authorities = tuple(_authorities(stamps))
    roots = tuple(each for each in authorities if each.subject == each.issuer)
    issuers = tuple(each for each in authorities if each.subject != each.issuer)
    if not roots or not issuers:
        raise AnchorsError("There must be at least one root and one issuing authority.")
    for root in roots:
        if not is_issued_by(root, root):
            raise AnchorsError("A root is not signed by itself.")
    for issuer in issuers:
        if not any(is_issued_by(issuer, root) for root in roots):
            raise AnchorsError("An issuing authority is signed by none of the roots.")
    pem = "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in authorities)
    return Anchors(roots, issuers, pem)


def _authorities(stamps: tuple[FileStamp, ...]) -> Iterator[x509.Certificate]:
    for each in stamps:
        try:
            certificates = x509.load_pem_x509_certificates(each.path.read_bytes())
            extensions = [certificate.extensions for certificate in certificates]
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
            raise AnchorsError(f"{each.path.name} holds no readable certificate.") from error
        if not all(_may_sign_certificates(found) for found in extensions):
            raise AnchorsError(f"{each.path.name} holds a certificate that is no authority.")
        yield from certificates


def _may_sign_certificates(extensions: x509.Extensions) -> bool:
    """RFC 5280 §4.2.1.3 and §4.2.1.9: basicConstraints says CA and keyUsage says keyCertSign."""
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and usage.key_cert_sign
