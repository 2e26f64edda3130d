"""The toy white list as a document: the element order, the namespace and the signature of the
published one.

It knows XML and a key; it knows no folder and decides nothing about renewal.
"""

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from directory.trust.signed_list import MAX_BYTES, NAMESPACE, SIGNATURE_NAMESPACE
from directory.trust.xml import compose_xml, parse_xml

ListEntry = tuple[str, str, str]  # Domain, certificate name, description.

CONTACT = "Support de la démonstration, support@demonstration.example"


@dataclass(frozen=True, slots=True)
class PublishedList:
    generated_at: datetime
    entries: tuple[ListEntry, ...]
    signer: x509.Certificate


def compose_whitelist(entries: Sequence[ListEntry], generated_at: datetime) -> bytes:
    """The unsigned document. Times are UTC and end in Z; each entry has its six children in the
    published order.
    """
    stamp = generated_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    domains = "".join(
        f"<Domaine><Nom>{escape(domain)}</Nom><Description>{escape(description)}</Description>"
        f"<DNCertificatOperateur>{escape(dn)}</DNCertificatOperateur>"
        f"<ResponsableContact>{CONTACT}</ResponsableContact>"
        f"<SupportContact>{CONTACT}</SupportContact><DateMAJ>{stamp}</DateMAJ></Domaine>"
        for domain, dn, description in entries
    )
    return (
        f'<ListeBlancheMSSante xmlns="{NAMESPACE}"><DateDeGeneration>{stamp}</DateDeGeneration>'
        f"<ListeDomaines>{domains}</ListeDomaines></ListeBlancheMSSante>"
    ).encode()


def sign_document(document: bytes, *, key: rsa.RSAPrivateKey, pem: bytes) -> bytes:
    """The document with its enveloped signature: exclusive c14n, RSA with SHA-256, the leaf
    certificate alone.
    """
    signer = XMLSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    # The published list declares the signature's namespace as default; the library types prefixes
    # only.
    signer.namespaces = cast("dict[str, str]", {None: SIGNATURE_NAMESPACE})
    root = parse_xml(document, MAX_BYTES)
    return compose_xml(signer.sign(root, key=key, cert=pem.decode("ascii")))


def read_entries(data: bytes) -> PublishedList:
    """What a list of ours says, so that it can be told whether it must be made anew; the signature
    is not judged here.
    """
    names = {"m": NAMESPACE, "s": SIGNATURE_NAMESPACE}
    root = parse_xml(data, MAX_BYTES)
    entries = tuple(
        (
            node.findtext("m:Nom", "", names),
            node.findtext("m:DNCertificatOperateur", "", names),
            node.findtext("m:Description", "", names),
        )
        for node in root.iterfind("m:ListeDomaines/m:Domaine", names)
    )
    certificate = root.findtext(".//s:X509Certificate", "", names)
    return PublishedList(
        datetime.fromisoformat(root.findtext("m:DateDeGeneration", "", names)),
        entries,
        x509.load_der_x509_certificate(b64decode(certificate)),
    )
