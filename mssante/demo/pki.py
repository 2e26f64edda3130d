"""A toy trust space: authorities, lists of revoked certificates, operators' certificates and a
signed white list, in one folder.

Every authority says DEMONSTRATION in its name and in its organisation, so that a real site refuses
it at the start. This file decides what lies where and when it is renewed; it knows no mailbox, no
port and no process.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mssante.demo.issuance import (
    AUTHORITY,
    OPERATOR,
    SIGNER,
    Issued,
    Profile,
    authority_subject,
    current_time,
    is_from,
    make_certificate,
    make_crl,
    subject,
)
from mssante.demo.published_list import ListEntry, compose_whitelist, read_entries, sign_document

__all__ = [
    "AUTHORITY",
    "OPERATOR",
    "SIGNER",
    "SIGNER_CN",
    "Issued",
    "OperatorFiles",
    "Profile",
    "ToySpace",
    "build_toy_space",
    "issue",
    "issue_operator",
    "revoke",
    "sign_whitelist",
    "subject",
    "write_crl",
    "write_file",
    "write_whitelist",
]

Kind = Literal["organisations", "persons"]
Level = Literal["root", "issuing"]

SIGNER_CN = "alb.demonstration.example"
AUTHORITY_NAMES: dict[tuple[Kind, Level], str] = {
    ("organisations", "root"): "AC RACINE DEMONSTRATION ELEMENTAIRE",
    ("organisations", "issuing"): "AC DEMONSTRATION ELEMENTAIRE ORGANISATIONS",
    ("persons", "root"): "AC RACINE DEMONSTRATION FORT",
    ("persons", "issuing"): "AC DEMONSTRATION FORT PERSONNES",
}
CRL_FILES: dict[tuple[Kind, Level], str] = {
    ("organisations", "root"): "ACR-EL.crl",
    ("organisations", "issuing"): "ACI-EL-ORG.crl",
    ("persons", "root"): "ACR-FO.crl",
    ("persons", "issuing"): "ACI-FO-PP.crl",
}
# A list is never empty: like the real one, it names the manager's own test robot.
FIRST_ENTRIES: tuple[ListEntry, ...] = (
    (
        "robot.espace-de-confiance.example",
        "CN=robot.demonstration.example,OU=399000000000026,O=GESTIONNAIRE,ST=Paris (75),C=FR",
        "Robot de test de la démonstration",
    ),
)
RENEW_LEAF = timedelta(days=30)
RENEW_CRL = timedelta(days=10)
RENEW_WHITELIST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ToySpace:
    root: Path

    @property
    def anchors(self) -> Path:
        return self.root / "anchors"

    @property
    def crl(self) -> Path:
        return self.root / "crl"

    @property
    def private(self) -> Path:
        return self.root / "private"

    @property
    def whitelist(self) -> Path:
        return self.root / "whitelist.xml"

    def authority(self, kind: Kind = "organisations", level: Level = "issuing") -> Issued:
        """The certificate and key of one of the four authorities."""
        return _load(self.anchors / kind / f"{level}.pem", self.private / f"{kind}-{level}.key")

    def signer(self) -> Issued:
        """The certificate and key that sign the white list."""
        return _load(self.root / "signer.pem", self.root / "signer.key")


@dataclass(frozen=True, slots=True)
class OperatorFiles:
    certificate: Path
    key: Path
    dn: str


def build_toy_space(folder: Path) -> ToySpace:
    """The toy space below ``folder``: what is missing is made, what is near its end is renewed, the
    rest is left as it is.
    """
    space = ToySpace(folder)
    for each in (folder, space.private, space.crl, space.anchors):
        _make_folder(each)
    for kind in ("organisations", "persons"):
        _make_folder(space.anchors / kind)
        _ensure_authorities(space, kind)
    _ensure_leaf(
        space,
        subject(
            common_name=SIGNER_CN,
            unit="399000000000026",
            organisation="GESTIONNAIRE DEMONSTRATION",
            state="Paris (75)",
        ),
        profile=replace(SIGNER, san=x509.RFC822Name("alb@demonstration.example")),
        files=(folder / "signer.pem", folder / "signer.key"),
    )
    for kind, level in CRL_FILES:
        _ensure_crl(space, kind, level)
    _renew_whitelist(space)
    return space


def issue_operator(
    space: ToySpace,
    *,
    key: str,
    common_name: str,
    organisation: str,
    structure_id: str,
    department: str,
    folder: Path | None = None,
) -> OperatorFiles:
    """The certificate (leaf, then its chain) and key of an operator, renewed when they are near
    their end or changed name.
    """
    target = folder or space.root / "operators" / key
    for each in (target.parent, target):
        _make_folder(each)
    name = subject(
        common_name=common_name, unit=structure_id, organisation=organisation, state=department
    )
    files = (target / "cert.pem", target / "key.pem")
    issued = _ensure_leaf(
        space, name, profile=replace(OPERATOR, san=x509.DNSName(common_name)), files=files
    )
    return OperatorFiles(*files, dn=issued.dn)


def issue(
    space: ToySpace,
    name: x509.Name,
    *,
    profile: Profile = OPERATOR,
    issuer: Issued | None = None,
    key: rsa.RSAPrivateKey | None = None,
) -> Issued:
    """A certificate in memory, by default signed by the issuing authority for organisations;
    nothing is written.
    """
    return make_certificate(name, profile=profile, issuer=issuer or space.authority(), key=key)


def revoke(space: ToySpace, serial: int) -> None:
    """Add a number to the organisations' list of revoked certificates, at once."""
    numbers = dict.fromkeys([*_revoked(space), serial])
    write_file(space.private / "revoked.txt", "".join(f"{n}\n" for n in numbers).encode("ascii"))
    write_crl(space, "organisations", "issuing", revoked=list(numbers))


def write_crl(
    space: ToySpace,
    kind: Kind,
    level: Level,
    *,
    revoked: Sequence[int] = (),
    this_update: datetime | None = None,
    next_update: datetime | None = None,
) -> Path:
    """The list of one authority, signed and put in place of the one before."""
    target = space.crl / CRL_FILES[kind, level]
    authority = space.authority(kind, level)
    crl = make_crl(authority, revoked=revoked, this_update=this_update, next_update=next_update)
    write_file(target, crl)
    return target


def sign_whitelist(space: ToySpace, entries: Sequence[ListEntry], generated_at: datetime) -> bytes:
    """A white list in the published form, signed by the space's signer; nothing is written."""
    signer = space.signer()
    return sign_document(compose_whitelist(entries, generated_at), key=signer.key, pem=signer.pem)


def write_whitelist(space: ToySpace, entries: Sequence[ListEntry]) -> Path:
    """Publish these entries; a published list that says the same, is recent and has the right
    signature stays as it is.
    """
    if space.whitelist.exists():
        published = read_entries(space.whitelist.read_bytes())
        signer = space.signer().certificate
        is_recent = published.generated_at > current_time() - RENEW_WHITELIST
        if is_recent and published.entries == tuple(entries) and published.signer == signer:
            return space.whitelist
    write_file(space.whitelist, sign_whitelist(space, entries, current_time()))
    return space.whitelist


def _renew_whitelist(space: ToySpace) -> None:
    entries = FIRST_ENTRIES
    if space.whitelist.exists():
        entries = read_entries(space.whitelist.read_bytes()).entries
    write_whitelist(space, entries)


def write_file(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` for the owner alone; a reader sees the old file or the new one,
    whole.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
        file.write(data)
    fresh.replace(path)


def _ensure_authorities(space: ToySpace, kind: Kind) -> None:
    """A root and an issuing authority below it; without its root, an issuing one is made anew."""
    above: Issued | None = None
    for level in ("root", "issuing"):
        certificate = space.anchors / kind / f"{level}.pem"
        key = space.private / f"{kind}-{level}.key"
        found = _load(certificate, key) if certificate.exists() and key.exists() else None
        if found is None or (above is not None and not is_from(found, above)):
            found = make_certificate(
                authority_subject(AUTHORITY_NAMES[kind, level]), profile=AUTHORITY, issuer=above
            )
            write_file(certificate, found.pem)
            write_file(key, found.key_pem)
        above = found


def _ensure_leaf(
    space: ToySpace, name: x509.Name, *, profile: Profile, files: tuple[Path, Path]
) -> Issued:
    certificate, key = files
    authority = space.authority()
    if certificate.exists() and key.exists():
        found = _load(certificate, key)
        lasts = found.certificate.not_valid_after_utc > current_time() + RENEW_LEAF
        if lasts and found.certificate.subject == name and is_from(found, authority):
            return found
    issued = issue(space, name, profile=profile)
    write_file(certificate, issued.pem + authority.pem)
    write_file(key, issued.key_pem)
    return issued


def _ensure_crl(space: ToySpace, kind: Kind, level: Level) -> None:
    target = space.crl / CRL_FILES[kind, level]
    if target.exists():
        crl = x509.load_der_x509_crl(target.read_bytes())
        end = crl.next_update_utc
        key = space.authority(kind, level).key.public_key()
        if end is not None and end > current_time() + RENEW_CRL and crl.is_signature_valid(key):
            return
    revoked = _revoked(space) if (kind, level) == ("organisations", "issuing") else ()
    write_crl(space, kind, level, revoked=revoked)


def _load(certificate: Path, key: Path) -> Issued:
    # Our own keys, read many times: the arithmetic check of each would be most of the work.
    loaded = load_pem_private_key(
        key.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise TypeError("The toy space has RSA keys only.")
    return Issued(x509.load_pem_x509_certificates(certificate.read_bytes())[0], loaded)


def _revoked(space: ToySpace) -> list[int]:
    numbers = space.private / "revoked.txt"
    if not numbers.exists():
        return []
    return [int(line) for line in numbers.read_text(encoding="ascii").split()]


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
