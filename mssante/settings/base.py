"""Every setting of the product is named here, once, with one line of why.

The values of a site come in through ``mssante.env``; ``dev`` fills them for the demonstration,
``prod`` demands them, ``test`` speeds things up. No secret has a default here, and nothing here
knows where it will run.
"""

from pathlib import Path
from typing import Any

import django_stubs_ext
from csp.constants import NONE, SELF
from kombu import Queue

# Lets Django's generic classes name their model, for the type checker.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parents[2]

# The site: who runs it and which mail domains are ours
OPERATOR_KEY = (
    "operator"  # Short ASCII name; part of cookie names, so that two operators fit in one browser.
)
OPERATOR_NAME = ""  # Shown to people.
MAIL_DOMAINS: list[str] = []  # Our domains in the trust space; every mailbox lives in one of them.
STATE_DIR = BASE_DIR / "var" / "state"  # Blobs, spool and bell of the embedded default.

# Django
DEBUG = False
SECRET_KEY = ""  # Set by each environment; an empty key refuses to start.
ALLOWED_HOSTS: list[str] = []
ROOT_URLCONF = "mssante.urls"
WSGI_APPLICATION = "mssante.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "mssante.apps.MSSanteConfig",
    "webmail.apps.WebmailConfig",
    "accounts.apps.AccountsConfig",
    "accounts.audit.apps.AuditConfig",
    "directory.apps.DirectoryConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "mssante.middleware.no_store",
    "accounts.middleware.DoorSessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mssante.context.site",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Databases: SQLite is the embedded default, PostgreSQL is production The directory has a database
# of its own on SQLite, so that a reload of the white list never waits for mail.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 8,  # For a lock: below the ten seconds in which a page must have answered.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
DATABASES: dict[str, dict[str, Any]] = {}
DATABASE_ROUTERS = ["mssante.databases.DirectoryRouter"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# People and sessions
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_ALONE_SUFFICES = (
    False  # Only the demonstration lets a person in with a password and nothing else.
)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
SESSION_COOKIE_NAME = (
    "mss_staff"  # Completed with the operator's key; the patients' door has its own cookie.
)
PATIENT_SESSION_COOKIE_NAME = "mss_patient"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600  # Absolute limit of a session, seconds.
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "mssante.errors.csrf_failure"

# Headers
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: []
    for name in ("camera", "geolocation", "microphone", "payment", "usb", "display-capture")
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# Languages: French first, English second
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "mssante" / "locale"]
TIME_ZONE = "Europe/Paris"
USE_TZ = True

# Static files: no build; names carry a hash of their content
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "var" / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "mssante.staticfiles.HashedStaticFilesStorage"},
    # Encrypted blobs. Any Django storage that is durable when save() returns will do.
    "blobs": {"BACKEND": "webmail.store.files.DurableFileStorage"},
}

# Uploads
# One request carries a whole message: the encoded limit below, and room for the form around it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
# Uploaded files stay in memory until they are encrypted: nothing in clear is written to disk.
FILE_UPLOAD_HANDLERS = ["webmail.web.uploads.BoundedMemoryUploadHandler"]
UPLOAD_LIMIT_BYTES = 40 * 1024 * 1024

# The trust space (directory.trust)
TRUST_ANCHORS_DIR = (
    BASE_DIR / "var" / "trust"
)  # organisations/*.pem and persons/*.pem: roots and issuing CAs.
TRUST_CRL_DIR = BASE_DIR / "var" / "trust" / "crl"  # *.crl, DER or PEM, one per issuer.
TRUST_CRL_GRACE_HOURS = (
    24  # How long past its nextUpdate a list of revoked certificates still serves.
)
TRUST_CERTIFICATE = BASE_DIR / "var" / "trust" / "operator.pem"  # Ours: leaf first, then its chain.
TRUST_PRIVATE_KEY = BASE_DIR / "var" / "trust" / "operator.key"
TRUST_CIPHERS = (  # TLS 1.2 suites; TLS 1.3 has only good ones.
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
WHITELIST_SOURCE = (
    BASE_DIR / "var" / "trust" / "whitelist.xml"
)  # A file; fetching over TLS comes with a later issue.
WHITELIST_SIGNER_CN = (
    "alb.mssante.fr"  # The list's signer is recognised by chain, this name and its usage.
)
WHITELIST_REFRESH_SECONDS = 3600
WHITELIST_MAX_AGE_HOURS = 7 * 24  # Past it mail is held back in both directions; it never opens.

# Sending, for webmail.outbound
MAIL_ROUTES: dict[str, tuple[str, int]] = {}  # domain → (host, port), asked before MX.
PATIENT_DOMAINS = ["patient.mssante.fr"]  # Known, not routed yet: refused in words.
SMTP_EHLO_NAME = "localhost"  # FQDN this host presents itself with.
SMTP_PORT_OUT = 25
SMTP_CONNECT_SECONDS = 15  # To connect and be greeted.
SMTP_TIMEOUT_SECONDS = 60  # For each answer after that.
CONNECTIONS_PER_PEER = 3  # Conversations with one peer at a time; one with a peer in trouble.
OUTBOUND_SLOTS = 20  # Conversations in all: fewer than the worker that sends has threads.
LINE_IDLE_SECONDS = 20  # How long an idle line to a peer is kept.
MESSAGE_SIZE_LIMIT_OUT = 25_000_000  # Encoded bytes of one message.
RECIPIENTS_PER_MESSAGE = 50
RETRY_PLAN_MINUTES = [1, 5, 15, 30, 60]  # Then hourly.
RETRY_EXPIRY_HOURS = 48
DELAY_NOTICE_HOURS = 4  # After so long its sender is told, once, that a letter still waits.
DSN_NOTIFY = ["SUCCESS", "FAILURE", "DELAY"]  # What peers are asked to report, or ["NEVER"].
LEASE_SECONDS = 30
SWEEP_SECONDS = 5
MSS_NIL = ""  # X-MSS-NIL, the product reference; empty means absent.

# Receiving, for webmail.inbound
SMTP_LISTEN_HOST = "127.0.0.1"
SMTP_LISTEN_PORT = 25
MESSAGE_SIZE_LIMIT_IN = 35 * 1024 * 1024
SMTP_RECIPIENT_LIMIT = 200
SMTP_CONNECTION_LIMIT = 100  # Conversations with peers that showed a certificate.
SMTP_PEER_CONNECTION_LIMIT = 20  # Of them, with one operator's certificate.
SMTP_PEER_LETTERS_PER_MINUTE = 60_000  # From one operator's certificate.
SMTP_STRANGER_LIMIT = 50  # Connections that have not: past it the oldest is cut.
SMTP_STRANGER_SECONDS = 30  # Time to show one.
SMTP_IDLE_SECONDS = 300  # RFC 5321 §4.5.3.2.7: five minutes between commands.
SPOOL_LEAST_FREE_BYTES = 500_000_000  # With less left on the spool's disk we take no new letter.
SPOOL_TASK_SECONDS = 300  # A worker that chews longer on what came in is ended, and begun anew.
WORKER_MEMORY_BYTES = 2 * 1024**3  # What such a worker may hold: an eater ends alone.
SPOOL_POISON_LIMIT = (
    3  # Attempts before a message the pipeline cannot digest is set aside for an operator.
)

# At rest (accounts.keyring, webmail.store)
MASTER_KEY_FILE = STATE_DIR / "master.key"
BLOB_DIR = STATE_DIR / "blobs"
SPOOL_DIR = STATE_DIR / "spool"
INLINE_BYTES = 64 * 1024  # Content up to this size lies, encrypted, in its row instead of a file.
MAILBOX_QUOTA_BYTES = 5 * 1024**3

# Celery: only the bell; the rows are the queue
CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
# Sending waits for others, so it has a worker of threads; what comes in is work for processes,
# which can die of a poisonous letter alone. A worker that is told no queue serves both.
CELERY_TASK_QUEUES = [Queue("celery"), Queue("outbound")]
CELERY_TASK_ROUTES = {"webmail.drain_peer": {"queue": "outbound"}}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A process that is ended in mid-task may keep its place for ever, and the worker would wait for it.
CELERY_WORKER_POOL_PUTLOCKS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = TIME_ZONE

# Logs: key=value, ids and domains only
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "mail.log": {"level": "ERROR"},  # aiosmtpd prints commands, so addresses, below this.
        "django.request": {"level": "ERROR"},
    },
}

# The banner and the words of the demonstration; never true elsewhere.
IS_DEMO = False
# Processes refuse to start on an error of mssante.checks; prod sets it.
IS_PRODUCTION = False


def sqlite_databases(state_dir: Path) -> dict[str, dict[str, Any]]:
    """The two database files of the embedded default, below ``state_dir``."""
    return {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": state_dir / "mail.sqlite3",
            "CONN_MAX_AGE": 60,
            "OPTIONS": SQLITE_OPTIONS,
        },
        "directory": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": state_dir / "directory.sqlite3",
            "CONN_MAX_AGE": 60,
            "OPTIONS": SQLITE_OPTIONS,
        },
    }


def file_bell(state_dir: Path) -> dict[str, Any]:
    """Celery's file transport below ``state_dir``: a bell that needs no server."""
    folder = state_dir / "bell"
    return {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.1,
    }
