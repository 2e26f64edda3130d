"""White lists that somebody tampered with, each in one way that has broken a verifier somewhere."""

from datetime import UTC, datetime

from cryptography import x509
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from directory.trust.signed_list import MAX_BYTES, SIGNATURE_NAMESPACE
from directory.trust.xml import compose_xml, parse_xml
from mssante.demo.published_list import compose_whitelist, sign_document

EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0


class AnySigner(XMLSigner):
    """Signs with what the library refuses to sign with."""

    def check_deprecated_methods(self):
        return None


def unsigned(entries, generated_at=None):
    return compose_whitelist(entries, generated_at or datetime.now(UTC))


def signed_by(issued, entries, generated_at=None):
    return sign_document(unsigned(entries, generated_at), key=issued.key, pem=issued.pem)


def signed_text(issued, document):
    """Any document, with the signature of the published form."""
    return sign_document(document, key=issued.key, pem=issued.pem)


def signed_with(
    issued,
    entries,
    *,
    signature=SignatureMethod.RSA_SHA256,
    digest=DigestAlgorithm.SHA256,
    c14n=EXCLUSIVE,
    **options,
):
    """The right signer, with other algorithms or parts than the published form has."""
    signer = AnySigner(signature_algorithm=signature, digest_algorithm=digest, c14n_algorithm=c14n)
    root = parse_xml(unsigned(entries), MAX_BYTES)
    options = {"cert": issued.pem.decode(), **options}
    return compose_xml(signer.sign(root, key=issued.key, **options))


def signed_in_part(issued, entries):
    """The signature covers one element by its Id, and the rest of the document is free."""
    document = unsigned(entries).replace(b"<ListeDomaines>", b'<ListeDomaines Id="part">')
    signer = AnySigner(c14n_algorithm=EXCLUSIVE)
    root = parse_xml(document, MAX_BYTES)
    signed = signer.sign(root, key=issued.key, cert=issued.pem.decode(), reference_uri="part")
    return compose_xml(signed)


def wrapped(signed, entries, *, signature_outside):
    """The signed document inside a new one with other entries; its signature stays or comes out."""
    outer = parse_xml(unsigned(entries), MAX_BYTES)
    inner = parse_xml(signed, MAX_BYTES)
    signature = inner.find(f"{{{SIGNATURE_NAMESPACE}}}Signature")
    outer.append(inner)
    if signature_outside and signature is not None:
        outer.append(signature)
    return compose_xml(outer)


def with_signature_twice(signed):
    root = parse_xml(signed, MAX_BYTES)
    root.append(parse_xml(compose_xml(root[-1]), MAX_BYTES))
    return compose_xml(root)


def with_object_in_signature(signed, entries):
    """The other entries hide in a ds:Object, which the digest of an enveloped one leaves out."""
    hidden = unsigned(entries).decode()
    return signed.replace(b"</Signature>", f"<Object>{hidden}</Object></Signature>".encode())


def with_signature_deeper(signed):
    root = parse_xml(signed, MAX_BYTES)
    root[1].append(root[-1])
    return compose_xml(root)


def tree(data):
    return parse_xml(data, MAX_BYTES)


def local_name(node):
    return node.tag.rpartition("}")[2]


def revoked_numbers(path):
    return sorted(each.serial_number for each in x509.load_der_x509_crl(path.read_bytes()))


def end_of(path):
    return x509.load_der_x509_crl(path.read_bytes()).next_update_utc
