"""The published white list: bytes in, verified entries out.

Only what the signature covers is read, from the canonical bytes that were verified and never from
the file as it came. It knows the document and its signer; it knows no database and no earlier list.
"""

import logging
import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from directory.trust.certificates import CertificateError, check_list_signer
from directory.trust.dn import DnError, dn_hash
from directory.trust.xml import Element, LibraryError, XmlError, parse_xml

logger = logging.getLogger(__name__)

MAX_BYTES = 20 * 1024 * 1024  # The real list has 5 MB.
FUTURE_LIMIT = timedelta(hours=1)  # What a clock may be wrong by.
NAMESPACE = "https://listeblanche.mssante.fr/schema"
SIGNATURE_NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"
ENVELOPED = f"{SIGNATURE_NAMESPACE}enveloped-signature"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+\Z")


class WhitelistFault(StrEnum):
    UNREADABLE = "unreadable"
    MALFORMED = "malformed"
    SIGNATURE = "signature"
    SIGNER = "signer"
    SIGNER_UNKNOWN = "signer_status_unknown"
    EMPTY = "empty"
    FUTURE = "future"
    ROLLBACK = "rollback"
    CONCURRENT = "concurrent"
    MISSING = "missing"
    STALE = "stale"


class WhitelistError(Exception):
    """A white list is refused, or none can be used. ``reason`` is a word of a closed set, fit for
    logs and pages.
    """

    def __init__(self, reason: WhitelistFault) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
    domain: str
    dn: str
    dn_hash: str
    description: str


@dataclass(frozen=True, slots=True)
class Whitelist:
    generated_at: datetime
    entries: tuple[Entry, ...]
    signer: str


def read_whitelist(data: bytes, *, now: datetime | None = None) -> Whitelist:
    """The entries of a published list, in its order and without repetition.

    Guaranteed: one enveloped signature over the whole document, made with SHA-256 by the expected
    signer, and every value taken from what was signed. Raises ``WhitelistError``: ``malformed``,
    ``signature``, ``signer`` (or ``signer_status_unknown`` when its revocation cannot be checked
    now), ``empty``, ``future``.
    """
    moment = now or timezone.now()
    try:
        root = parse_xml(data, MAX_BYTES)
    except XmlError as error:
        raise WhitelistError(WhitelistFault.MALFORMED) from error
    certificate = _check_signature_shape(root)
    try:
        signer = check_list_signer(_decode(certificate), now=moment)
    except CertificateError as error:
        fault = WhitelistFault.SIGNER_UNKNOWN if error.transient else WhitelistFault.SIGNER
        raise WhitelistError(fault) from error
    signed = _verify_signature(root, certificate, now=moment)
    generated_at = _generated_at(signed)
    if generated_at > moment + FUTURE_LIMIT:
        raise WhitelistError(WhitelistFault.FUTURE)
    entries = _read_entries(signed)
    if not entries:
        raise WhitelistError(WhitelistFault.EMPTY)
    return Whitelist(generated_at, entries, signer)


def _check_signature_shape(root: Element) -> str:
    """The signer's certificate (base64), once the signature has exactly the form of the published
    list.

    The forms of XMLDSig that this refuses (several signatures or references, other transforms,
    objects of its own) are the ones that signature wrapping needs, and that the list has never had.
    """
    signatures = list(root.iter(f"{{{SIGNATURE_NAMESPACE}}}Signature"))
    if root.tag != f"{{{NAMESPACE}}}ListeBlancheMSSante" or len(signatures) != 1:
        raise WhitelistError(WhitelistFault.SIGNATURE)
    signature = signatures[0]
    certificates = _texts(signature, "KeyInfo", "X509Data", "X509Certificate")
    algorithms = [
        (_local_name(each), each.get("URI"), each.get("Algorithm"))
        for each in signature.iter()
        if each.get("URI") is not None or each.get("Algorithm") is not None
    ]
    expected = [
        ("CanonicalizationMethod", None, EXCLUSIVE_C14N),
        ("SignatureMethod", None, SignatureMethod.RSA_SHA256.value),
        ("Reference", "", None),
        ("Transform", None, ENVELOPED),
        ("Transform", None, EXCLUSIVE_C14N),
        ("DigestMethod", None, DigestAlgorithm.SHA256.value),
    ]
    parts = [_local_name(child) for child in signature]
    is_plain = parts == ["SignedInfo", "SignatureValue", "KeyInfo"]
    if signature.getparent() is not root or not is_plain or algorithms != expected:
        raise WhitelistError(WhitelistFault.SIGNATURE)
    if len(certificates) != 1 or not certificates[0]:
        raise WhitelistError(WhitelistFault.SIGNATURE)
    # The published file has carriage returns inside its base64 text.
    return "".join(certificates[0].split())


def _verify_signature(root: Element, certificate: str, *, now: datetime) -> Element:
    """The root of what was signed, parsed again from the verified canonical bytes."""
    expected = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset({SignatureMethod.RSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        verification_time=now,
    )
    try:
        result = XMLVerifier().verify(root, x509_cert=certificate, expect_config=expected)
    except (SignXMLException, LibraryError, ValueError, TypeError) as error:
        # The last two: text of the signature that is no base64, or none.
        raise WhitelistError(WhitelistFault.SIGNATURE) from error
    signed = result[0].signed_xml if isinstance(result, list) else result.signed_xml
    if signed is None or signed.tag != root.tag:
        raise WhitelistError(WhitelistFault.SIGNATURE)
    return signed


def _generated_at(signed: Element) -> datetime:
    stated = _texts(signed, "DateDeGeneration")
    if len(stated) != 1:
        raise WhitelistError(WhitelistFault.MALFORMED)
    try:
        generated_at = datetime.fromisoformat(stated[0])
    except ValueError as error:
        raise WhitelistError(WhitelistFault.MALFORMED) from error
    if generated_at.tzinfo is None:
        raise WhitelistError(WhitelistFault.MALFORMED)
    return generated_at


def _read_entries(signed: Element) -> tuple[Entry, ...]:
    """Each entry once. One that cannot be read is left out, so that it trusts nobody; it does not
    close the list.
    """
    found: dict[tuple[str, str], Entry] = {}
    unreadable = 0
    for node in signed.iterfind("m:ListeDomaines/m:Domaine", {"m": NAMESPACE}):
        entry = _read_entry(node)
        if entry is None:
            unreadable += 1
        else:
            found.setdefault((entry.domain, entry.dn_hash), entry)
    if unreadable:
        logger.warning("event=whitelist_entries_left_out count=%d", unreadable)
    return tuple(found.values())


def _read_entry(node: Element) -> Entry | None:
    domains = _texts(node, "Nom")
    names = _texts(node, "DNCertificatOperateur")
    descriptions = _texts(node, "Description")
    if len(domains) != 1 or len(names) != 1:
        return None
    domain = domains[0].lower()
    if not _DOMAIN.match(domain):
        return None
    try:
        hashed = dn_hash(names[0])
    except DnError:
        return None
    return Entry(domain, names[0], hashed, descriptions[0] if descriptions else "")


def _texts(node: Element, *path: str) -> list[str]:
    """The trimmed texts at a path of child names of the node's own namespace."""
    namespace = node.tag.partition("}")[0]
    found = node.iterfind("/".join(f"{namespace}}}{name}" for name in path))
    return [(each.text or "").strip() for each in found]


def _local_name(node: Element) -> str:
    # A comment or a processing instruction has a function where an element has its name.
    return str(node.tag).rpartition("}")[2]


def _decode(certificate: str) -> bytes:
    try:
        return b64decode(certificate, validate=True)
    except ValueError as error:
        raise WhitelistError(WhitelistFault.SIGNATURE) from error
