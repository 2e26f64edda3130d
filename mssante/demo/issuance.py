"""Certificates and lists of revoked certificates in the shapes of the national PKI, made in memory.

It knows names, profiles and keys; it writes no file and knows no folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PURPOSES = {
    "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH,
    "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "emailProtection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "codeSigning": ExtendedKeyUsageOID.CODE_SIGNING,
}
CERTIFICATE_TYPE = x509.ObjectIdentifier("1.2.250.1.71.1.2.5")
AUTHORITY_LIFE = timedelta(days=20 * 365)
LEAF_LIFE = timedelta(days=3 * 365)
CRL_LIFE = timedelta(days=30)
BACKDATED = timedelta(days=2)  # So that two machines with unlike clocks can play together.


@dataclass(frozen=True, slots=True)
class Issued:
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def dn(self) -> str:
        return self.certificate.subject.rfc4514_string()

    @property
    def serial(self) -> int:
        return self.certificate.serial_number


@dataclass(frozen=True, slots=True)
class Profile:
    """What a certificate says of itself; tests bend one value at a time with
    ``dataclasses.replace``.
    """

    purposes: tuple[str, ...] | None = ("serverAuth", "clientAuth")
    usages: frozenset[str] | None = frozenset({"digital_signature", "key_encipherment"})
    type_byte: int = 0x83
    not_before: datetime | None = None
    not_after: datetime | None = None
    serial: int | None = None
    key_size: int = 2048
    is_authority: bool = False
    san: x509.GeneralName | None = None
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()  # Each with whether it is critical.


OPERATOR = Profile()
SIGNER = Profile(
    purposes=("emailProtection",),
    usages=frozenset({"digital_signature", "content_commitment"}),
    type_byte=0x80,
)
AUTHORITY = Profile(
    purposes=None, usages=frozenset({"key_cert_sign", "crl_sign"}), is_authority=True
)


def subject(*, common_name: str, unit: str, organisation: str, state: str) -> x509.Name:
    """The name of an organisation's certificate in the order of the national PKI (C, ST, O, OU,
    CN).
    """
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, state),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def authority_subject(common_name: str) -> x509.Name:
    """The name of a toy authority: laid out as the real one, and saying twice that it is a
    demonstration.
    """
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ASIP-SANTE DEMONSTRATION"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "0002 000000000"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def make_certificate(
    name: x509.Name,
    *,
    profile: Profile,
    issuer: Issued | None,
    key: rsa.RSAPrivateKey | None = None,
) -> Issued:
    """A certificate for ``name``, signed by ``issuer`` or, without one, by itself; without ``key``
    it gets a new one.
    """
    key = key or rsa.generate_private_key(public_exponent=65537, key_size=profile.key_size)
    now = current_time()
    life = AUTHORITY_LIFE if profile.is_authority else LEAF_LIFE
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(profile.serial or x509.random_serial_number())
        .not_valid_before(profile.not_before or now - BACKDATED)
        .not_valid_after(profile.not_after or now + life)
    )
    extensions = _extensions(key.public_key(), profile)
    if issuer is not None:
        extensions.append((_authority_key(issuer), False))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    signing_key = issuer.key if issuer else key
    return Issued(builder.sign(signing_key, hashes.SHA256()), key)


def _extensions(
    public_key: rsa.RSAPublicKey, profile: Profile
) -> list[tuple[x509.ExtensionType, bool]]:
    constraints = x509.BasicConstraints(ca=profile.is_authority, path_length=None)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        # As the national PKI does: critical for an authority, not critical for the others.
        (constraints, profile.is_authority),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
    ]
    if profile.usages is not None:
        extensions.append((_key_usage(profile.usages), True))
    if profile.purposes is not None:
        purposes = [PURPOSES[each] for each in profile.purposes]
        extensions.append((x509.ExtendedKeyUsage(purposes), False))
    if profile.san is not None:
        extensions.append((x509.SubjectAlternativeName([profile.san]), False))
    if not profile.is_authority:
        # An OCTET STRING of one byte: 83 for a TLS certificate of an organisation, 80 for a
        # signature.
        octets = bytes([0x04, 0x01, profile.type_byte])
        extensions.append((x509.UnrecognizedExtension(CERTIFICATE_TYPE, octets), False))
    return [*extensions, *profile.extra]


def _key_usage(usages: frozenset[str]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature="digital_signature" in usages,
        content_commitment="content_commitment" in usages,
        key_encipherment="key_encipherment" in usages,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign="key_cert_sign" in usages,
        crl_sign="crl_sign" in usages,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(issuer: Issued) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def make_crl(
    authority: Issued,
    *,
    revoked: Sequence[int] = (),
    this_update: datetime | None = None,
    next_update: datetime | None = None,
) -> bytes:
    """The list of revoked certificates of an authority (DER)."""
    now = current_time()
    start = this_update or now - timedelta(minutes=1)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(start)
        .next_update(next_update or now + CRL_LIFE)
        .add_extension(x509.CRLNumber(int(start.timestamp())), critical=False)
        .add_extension(_authority_key(authority), critical=False)
    )
    for number in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(number).revocation_date(start).build()
        )
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.DER)


def is_from(issued: Issued, authority: Issued) -> bool:
    """Whether the authority made this certificate."""
    try:
        issued.certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, InvalidSignature):
        return False
    return True


def current_time() -> datetime:
    """Now, in the whole seconds that certificates count in."""
    return datetime.now(UTC).replace(microsecond=0)
