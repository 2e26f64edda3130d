"""Settings of a site that a fault test breaks: production's ways of waiting, and the values of that
one site, read from the file that ``TEST_SITE_FACTS`` names.
"""

import json
from pathlib import Path

from mssante.demo.operators import HOSPITAL
from mssante.demo.pki import SIGNER_CN
from mssante.env import env_path
from mssante.settings.base import *  # noqa: F403  (As each environment does.)
from mssante.settings.base import INSTALLED_APPS, file_bell, sqlite_databases
from mssante.settings.databases import database_from_url

_facts = json.loads(env_path("TEST_SITE_FACTS").read_text(encoding="utf-8"))

SECRET_KEY = "only-for-tests"
OPERATOR_KEY = "test"
OPERATOR_NAME = HOSPITAL.name
MAIL_DOMAINS = [HOSPITAL.domain]
SMTP_EHLO_NAME = HOSPITAL.host
ALLOWED_HOSTS = ["127.0.0.1"]
PASSWORD_ALONE_SUFFICES = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.poison.PoisonConfig"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "blobs": {"BACKEND": "webmail.store.files.DurableFileStorage"},
}

STATE_DIR = Path(_facts["state"])
MASTER_KEY_FILE = STATE_DIR / "master.key"
BLOB_DIR = STATE_DIR / "blobs"
SPOOL_DIR = STATE_DIR / "spool"
DATABASES = sqlite_databases(STATE_DIR)
if _facts["database"]:
    DATABASES = {"default": database_from_url(_facts["database"])}
CELERY_BROKER_TRANSPORT_OPTIONS = file_bell(STATE_DIR)
if _facts["broker"]:
    # As in mssante.settings.prod.
    CELERY_BROKER_URL = _facts["broker"]
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.2,
        "socket_connect_timeout": 1,
        "socket_timeout": 30,
    }

_pki = Path(_facts["pki"])
TRUST_ANCHORS_DIR = _pki / "anchors"
TRUST_CRL_DIR = _pki / "crl"
TRUST_CERTIFICATE = _pki / "operators" / HOSPITAL.key / "cert.pem"
TRUST_PRIVATE_KEY = _pki / "operators" / HOSPITAL.key / "key.pem"
WHITELIST_SOURCE = _pki / "whitelist.xml"
WHITELIST_SIGNER_CN = SIGNER_CN
# JSON has no tuples, and a route is compared as one.
MAIL_ROUTES = {domain: tuple(host) for domain, host in _facts["routes"].items()}
SMTP_LISTEN_PORT = _facts["smtp_port"]

# What a site waits for minutes, a test waits for seconds.
LEASE_SECONDS = 6
SWEEP_SECONDS = 1
SPOOL_LEAST_FREE_BYTES = 0
globals().update(_facts["values"])
