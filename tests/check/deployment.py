"""A production site on this machine: every value complete and fictional, every file real. Its own
commands prepare it, and Django's deployment check finds nothing to say.
"""

import secrets
import tempfile
from pathlib import Path

from mssante.demo.issuance import OPERATOR, Issued, make_certificate, make_crl, subject
from tests.check.steps import BIN, command
from tests.pki.builder import plain_authority

DOMAIN = "site.mssante.example"
HOST = "mss.site.example"


def check_deployment(database_url: str, redis_url: str) -> None:
    """Raises ``StepFailedError`` when a command fails or the check warns."""
    with tempfile.TemporaryDirectory(prefix="site-") as name:
        folder = Path(name)
        environment = {
            **_trust_space(folder),
            "DJANGO_SETTINGS_MODULE": "mssante.settings.prod",
            "MSSANTE_BROKER_URL": redis_url,
            "MSSANTE_CACHE_URL": redis_url,
            "MSSANTE_DATABASE_URL": database_url,
            "MSSANTE_HOSTS": "messagerie.site.example",
            "MSSANTE_MAIL_DOMAINS": DOMAIN,
            "MSSANTE_MASTER_KEY_FILE": str(folder / "master.key"),
            "MSSANTE_OPERATOR_NAME": "Site fictif",
            "MSSANTE_SECRET_KEY": secrets.token_urlsafe(64),
            "MSSANTE_SMTP_NAME": HOST,
            "MSSANTE_STATE_DIR": str(folder / "state"),
        }
        for words in (
            ("create_master_key",),
            ("migrate", "--verbosity=0"),
            ("collectstatic", "--no-input", "--verbosity=0"),
            ("check", "--deploy", "--fail-level=WARNING", "--database=default"),
        ):
            command(BIN / "python", "-W", "error", "manage.py", *words, environment=environment)


def _trust_space(folder: Path) -> dict[str, str]:
    """A tree whose authorities are not those of the demonstration, and our certificate in it."""
    anchors, lists = folder / "anchors", folder / "crl"
    lists.mkdir()
    issuers = {
        kind: _authorities(anchors / kind, lists, kind) for kind in ("organisations", "persons")
    }
    issuer = issuers["organisations"]
    name = subject(
        common_name=HOST, unit="1990000011", organisation="SITE FICTIF", state="Isère (38)"
    )
    ours = make_certificate(name, profile=OPERATOR, issuer=issuer)
    certificate, key = folder / "operator.pem", folder / "operator.key"
    certificate.write_bytes(ours.pem + issuer.pem)
    key.touch(mode=0o600)
    key.write_bytes(ours.key_pem)
    return {
        "MSSANTE_TRUST_ANCHORS_DIR": str(anchors),
        "MSSANTE_TRUST_CRL_DIR": str(lists),
        "MSSANTE_TRUST_CERTIFICATE": str(certificate),
        "MSSANTE_TRUST_PRIVATE_KEY": str(key),
        "MSSANTE_WHITELIST_SOURCE": str(folder / "whitelist.xml"),
    }


def _authorities(folder: Path, lists: Path, kind: str) -> Issued:
    """A root and an issuing authority below it, each with its list; returns the latter."""
    folder.mkdir(parents=True)
    root: Issued = plain_authority(f"AC RACINE {kind.upper()}")
    issuer: Issued = plain_authority(f"AC {kind.upper()}", issuer=root)
    for level, authority in (("root", root), ("issuing", issuer)):
        (folder / f"{level}.pem").write_bytes(authority.pem)
        (lists / f"{kind}-{level}.crl").write_bytes(make_crl(authority))
    return issuer
