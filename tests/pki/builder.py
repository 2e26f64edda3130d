"""Certificates and lists of revoked certificates that are wrong in exactly one way."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from mssante.demo.issuance import (
    AUTHORITY,
    OPERATOR,
    SIGNER,
    Issued,
    authority_subject,
    current_time,
    make_certificate,
)
from mssante.demo.pki import issue, subject


@cache
def shared_key(size):
    """One key for all peers of a test run: what they differ in is their certificates."""
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


PEER = {
    "common_name": "mss.peer.example",
    "unit": "1990000099",
    "organisation": "CLINIQUE DES PEUPLIERS",
    "state": "Isère (38)",
}


def peer(space, *, issuer=None, name=None, **changes):
    """An operator's certificate; ``name`` and the fields of the profile may be bent."""
    return issue(
        space,
        subject(**{**PEER, **(name or {})}),
        profile=replace(OPERATOR, **changes),
        issuer=issuer,
        key=shared_key(changes.get("key_size", OPERATOR.key_size)),
    )


def list_signer(space, *, common_name, **changes):
    """A certificate made for signing lists, in any name."""
    return issue(
        space, subject(**{**PEER, "common_name": common_name}), profile=replace(SIGNER, **changes)
    )


def authority(common_name="AC DEMONSTRATION AUTRE", *, issuer=None, **changes):
    """An authority that is configured nowhere; self-signed without an issuer."""
    return make_certificate(
        authority_subject(common_name), profile=replace(AUTHORITY, **changes), issuer=issuer
    )


def plain_authority(common_name, *, issuer=None):
    """An authority whose name does not say that it is a demonstration."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    return make_certificate(name, profile=AUTHORITY, issuer=issuer)


def peer_with_twin_attributes(space):
    """A subject of one multi-valued RDN and a value full of separators, as a card or an old
    certificate has.
    """
    name = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "FR")]),
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, 'SELARL "A, B" + C; #1'),
                    x509.NameAttribute(x509.NameOID.SURNAME, "Ézéchiel"),
                ]
            ),
            x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, " x ")]),
        ]
    )
    return issue(space, name)


def peer_of_many_types(space):
    """A subject with attributes that the national PKI knows from cards and seals, and one that
    nobody knows.
    """
    oid = x509.NameOID
    attributes: list[x509.NameAttribute[str | bytes]] = [
        x509.NameAttribute(oid.COUNTRY_NAME, "FR"),
        x509.NameAttribute(oid.LOCALITY_NAME, "Paris(75)"),
        x509.NameAttribute(oid.TITLE, "Médecin"),
        x509.NameAttribute(oid.GIVEN_NAME, "Anne"),
        x509.NameAttribute(oid.SERIAL_NUMBER, "12"),
        x509.NameAttribute(oid.ORGANIZATION_IDENTIFIER, "SI:FR-990000001"),
        x509.NameAttribute(oid.EMAIL_ADDRESS, "a@peer.example"),
        x509.NameAttribute(oid.DOMAIN_COMPONENT, "example"),
        x509.NameAttribute(oid.USER_ID, "u"),
        x509.NameAttribute(x509.ObjectIdentifier("1.2.250.1.999.2"), "unknown"),
        x509.NameAttribute(
            oid.X500_UNIQUE_IDENTIFIER, b"\x00\x01", _type=x509.name._ASN1Type.BitString
        ),
    ]
    return issue(space, x509.Name(attributes))


def nameless_peer(space):
    return issue(space, x509.Name([]))


def peer_with_curve(space, *, bits):
    """An operator's certificate with an elliptic key that states no usage; only its bytes are of
    use.
    """
    curve = ec.SECP192R1() if bits == 192 else ec.SECP256R1()
    return _by_hand(space, ec.generate_private_key(curve).public_key())


def peer_with_edwards_key(space):
    return _by_hand(space, ed25519.Ed25519PrivateKey.generate().public_key())


def peer_signed_with_sha1(space):
    """A valid signature that the library no longer makes: the algorithm is renamed and the body
    signed by hand.
    """
    sha256, sha1 = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "05"))
    good = peer(space).certificate
    body = good.tbs_certificate_bytes.replace(sha256, sha1)
    signature = space.authority().key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    der = good.public_bytes(Encoding.DER)
    der = der.replace(good.tbs_certificate_bytes, body).replace(sha256, sha1)
    return der.replace(good.signature, signature)


def peer_signed_with_unknown_algorithm(space):
    """The signature names an algorithm that does not exist."""
    return _rename_algorithm(peer(space).der)


def crl_signed_with_unknown_algorithm(space):
    return _rename_algorithm(crl(space.authority()))


def crl_of_edwards_name(authority_name):
    """A list in a name, whose signature is of another kind than the key that the name has."""
    key = ed25519.Ed25519PrivateKey.generate()
    now = current_time()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority_name)
        .last_update(now)
        .next_update(now + timedelta(days=1))
    )
    return builder.sign(key, None).public_bytes(Encoding.DER)


def peer_with_doubled_extension(space):
    """Two extensions with one OID, made by renaming the second in the bytes; the signature cannot
    matter.
    """
    first, second = "1.2.250.1.999.1", "1.2.250.1.999.2"
    extra = tuple(
        (x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00"), False)
        for oid in (first, second)
    )
    encoded = [bytes([0x06, 0x06, 0x2A, 0x81, 0x7A, 0x01, 0x87, 0x67, last]) for last in (1, 2)]
    encoded = [bytes([0x06, 0x07]) + each[2:] for each in encoded]
    der = peer(space, extra=extra).der
    assert encoded[1] in der
    return der.replace(encoded[1], encoded[0])


def list_signer_with_two_names(space, common_name):
    """The signer's CN is there, and another one beside it."""
    name = subject(**{**PEER, "common_name": common_name})
    other = x509.NameAttribute(x509.NameOID.COMMON_NAME, "mss.peer.example")
    return issue(space, x509.Name([*name, other]), profile=SIGNER)


def der_of(pem):
    """The bytes of the first certificate of a PEM file."""
    return x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER)


def unknown_critical_extension():
    """An extension that nobody here processes and that demands to be."""
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.250.1.999.1"), b"\x05\x00")
    return ((extension, True),)


def crl(authority, *, key=None, revoked=(), extension=None, pem=False):
    """A list of this second; another ``key`` forges it, an ``extension`` is critical."""
    builder = _crl_builder(authority, current_time(), revoked=revoked)
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    signed = builder.sign(key or authority.key, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM if pem else Encoding.DER)


def crl_at(authority, moment, *, revoked=()):
    """A list made at another time."""
    start = moment.replace(microsecond=0)
    builder = _crl_builder(authority, start, revoked=revoked)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.DER)


def delta_marker():
    return x509.DeltaCRLIndicator(1)


def partial_marker():
    return x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=True,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


def authority_with_edwards_key():
    """The certificate of an authority with a key of a kind that the trust space does not use."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = authority_subject("AC DEMONSTRATION EDWARDS")
    now = current_time()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, None)
    )


def crl_for_name(space, name):
    """A list in any name, signed with the key of the space's issuing authority."""
    now = current_time()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name)
        .last_update(now)
        .next_update(now + timedelta(days=1))
    )
    return builder.sign(space.authority().key, hashes.SHA256()).public_bytes(Encoding.DER)


def foreign_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def protected_key():
    """A private key that asks for a pass phrase."""
    return shared_key(2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"phrase")
    )


def elliptic_key():
    """A private key of a kind that the toy space does not have."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def with_key_of(issued, key):
    """An authority's certificate held together with a key that is not its own."""
    return Issued(issued.certificate, key)


def _crl_builder(authority, start, *, revoked):
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(start)
        .next_update(start + timedelta(days=30))
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
        builder = builder.add_revoked_certificate(entry.build())
    return builder


def _rename_algorithm(der):
    sha256, unknown = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "7b"))
    assert sha256 in der
    return der.replace(sha256, unknown)


def _by_hand(space, public_key):
    authority = space.authority()
    now = current_time()
    return (
        x509.CertificateBuilder()
        .subject_name(subject(**PEER))
        .issuer_name(authority.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=365))
        .sign(authority.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
