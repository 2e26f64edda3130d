"""Settings of the tests: the embedded default, made faster. Each process has a state folder of its
own below ``var/test``.

``TEST_DATABASE_URL`` and ``TEST_BROKER_URL`` run the same tests on PostgreSQL and Redis.
"""

import atexit
import shutil
import tempfile
from pathlib import Path

from mssante.env import env_str
from mssante.settings.base import *
from mssante.settings.base import BASE_DIR, INSTALLED_APPS, file_bell, sqlite_databases
from mssante.settings.databases import database_from_url

SECRET_KEY = "only-for-tests"  # noqa: S105
OPERATOR_KEY = "test"
OPERATOR_NAME = "CH de Valbrune"
MAIL_DOMAINS = ["ch-valbrune.mssante.example"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_ALONE_SUFFICES = True

(BASE_DIR / "var" / "test").mkdir(parents=True, exist_ok=True)
STATE_DIR = Path(tempfile.mkdtemp(prefix="state-", dir=BASE_DIR / "var" / "test"))
atexit.register(shutil.rmtree, STATE_DIR, ignore_errors=True)
MASTER_KEY_FILE = STATE_DIR / "master.key"
BLOB_DIR = STATE_DIR / "blobs"
SPOOL_DIR = STATE_DIR / "spool"
CELERY_BROKER_URL = env_str("TEST_BROKER_URL", "filesystem://")
CELERY_BROKER_TRANSPORT_OPTIONS = (
    file_bell(STATE_DIR) if CELERY_BROKER_URL.startswith("filesystem") else {}
)

DATABASES = sqlite_databases(STATE_DIR)
for _alias, _name in (("default", "mail"), ("directory", "directory")):
    # A file, not memory: the SMTP server and the workers of the flow tests are threads with
    # connections of their own.
    DATABASES[_alias]["TEST"] = {"NAME": STATE_DIR / f"test-{_name}.sqlite3"}
    # Listeners are threads here: a connection kept for later would outlive its test.
    DATABASES[_alias]["CONN_MAX_AGE"] = 0
    DATABASES[_alias]["OPTIONS"] = {
        **DATABASES[_alias]["OPTIONS"],
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
    }
if _url := env_str("TEST_DATABASE_URL", ""):
    DATABASES = {"default": {**database_from_url(_url), "CONN_MAX_AGE": 0}}

INSTALLED_APPS = [*INSTALLED_APPS, "mssante.demo.apps.DemoConfig"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "blobs": {"BACKEND": "webmail.store.files.DurableFileStorage"},
}
WHITENOISE_AUTOREFRESH = True
LINE_IDLE_SECONDS = 0  # A line kept between two tests would belong to neither.
