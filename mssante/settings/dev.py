"""Settings of the demonstration, and of a developer's desk: one of two operators, below
``var/demo``, on loopback only.

They refuse to start anywhere else: here a password is enough to come in, and the trust space is a
toy.
"""

import secrets

from django.core.exceptions import ImproperlyConfigured

from mssante.demo.operators import (
    BY_KEY,
    DEFAULT_PORT_BASE,
    OPERATORS,
    SILENT_OFFSET,
    SILENT_OPERATORS,
)
from mssante.env import env_int, env_path, env_str
from mssante.settings.base import *
from mssante.settings.base import BASE_DIR, INSTALLED_APPS, file_bell, sqlite_databases

DEMO_DIR = env_path("MSSANTE_DEMO_DIR", BASE_DIR / "var" / "demo").resolve()
if not DEMO_DIR.is_relative_to(BASE_DIR / "var"):
    raise ImproperlyConfigured(
        "The demonstration keeps everything below var/ of its checkout: these settings start "
        "nowhere else. "
        "For a real site, use mssante.settings.prod."
    )
_key = env_str("MSSANTE_DEMO_OPERATOR", OPERATORS[0].key)
if _key not in BY_KEY:
    raise ImproperlyConfigured(f"MSSANTE_DEMO_OPERATOR must be one of: {', '.join(BY_KEY)}.")
OPERATOR = BY_KEY[_key]
PORT_BASE = env_int("MSSANTE_PORT_BASE", DEFAULT_PORT_BASE)

IS_DEMO = True
PASSWORD_ALONE_SUFFICES = True
OPERATOR_KEY = OPERATOR.key
OPERATOR_NAME = OPERATOR.name
MAIL_DOMAINS = [OPERATOR.domain]
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
SESSION_COOKIE_NAME = f"mss_{OPERATOR_KEY}_staff"
PATIENT_SESSION_COOKIE_NAME = f"mss_{OPERATOR_KEY}_patient"

STATE_DIR = DEMO_DIR / OPERATOR_KEY
for _folder in (DEMO_DIR, STATE_DIR):
    _folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _folder.chmod(0o700)
_secret_file = STATE_DIR / "secret.key"
if not _secret_file.exists():
    _secret_file.touch(mode=0o600)
    _secret_file.write_text(secrets.token_urlsafe(50), encoding="ascii")
SECRET_KEY = _secret_file.read_text(encoding="ascii").strip()

MASTER_KEY_FILE = STATE_DIR / "master.key"
BLOB_DIR = STATE_DIR / "blobs"
SPOOL_DIR = STATE_DIR / "spool"
STATIC_ROOT = STATE_DIR / "static"
DATABASES = sqlite_databases(STATE_DIR)
INSTALLED_APPS = [*INSTALLED_APPS, "mssante.demo.apps.DemoConfig"]
CELERY_BROKER_TRANSPORT_OPTIONS = file_bell(STATE_DIR)

PKI_DIR = DEMO_DIR / "pki"
TRUST_ANCHORS_DIR = PKI_DIR / "anchors"
TRUST_CRL_DIR = PKI_DIR / "crl"
TRUST_CERTIFICATE = PKI_DIR / "operators" / OPERATOR_KEY / "cert.pem"
TRUST_PRIVATE_KEY = PKI_DIR / "operators" / OPERATOR_KEY / "key.pem"
WHITELIST_SOURCE = PKI_DIR / "whitelist.xml"
WHITELIST_SIGNER_CN = "alb.demonstration.example"

# Every domain of the toy space has a route: the demonstration asks no DNS.
MAIL_ROUTES = {
    **{peer.domain: ("127.0.0.1", peer.smtp_port(PORT_BASE)) for peer in OPERATORS},
    **{silent.domain: ("127.0.0.1", PORT_BASE + SILENT_OFFSET) for silent in SILENT_OPERATORS},
}
SMTP_EHLO_NAME = OPERATOR.host
SMTP_LISTEN_PORT = OPERATOR.smtp_port(PORT_BASE)
