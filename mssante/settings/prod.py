"""Settings of a production site: every value comes from the environment, nothing is left to chance,
no feature is added.
"""

from mssante.env import env_int, env_list, env_path, env_routes, env_secret, env_str
from mssante.settings.base import *
from mssante.settings.base import LOGGING
from mssante.settings.databases import database_from_url

IS_PRODUCTION = True
SECRET_KEY = env_secret("MSSANTE_SECRET_KEY")
ALLOWED_HOSTS = env_list("MSSANTE_HOSTS")
OPERATOR_KEY = env_str("MSSANTE_OPERATOR_KEY", "operator")
OPERATOR_NAME = env_str("MSSANTE_OPERATOR_NAME")
MAIL_DOMAINS = env_list("MSSANTE_MAIL_DOMAINS")
STATE_DIR = env_path("MSSANTE_STATE_DIR")
MASTER_KEY_FILE = env_path("MSSANTE_MASTER_KEY_FILE")
BLOB_DIR = STATE_DIR / "blobs"
SPOOL_DIR = STATE_DIR / "spool"
STATIC_ROOT = env_path("MSSANTE_STATIC_ROOT", STATE_DIR / "static")

DATABASES = {"default": database_from_url(env_secret("MSSANTE_DATABASE_URL"))}
CELERY_BROKER_URL = env_secret("MSSANTE_BROKER_URL")
# A bell that does not answer must not hold up whoever rings it: the sweep finds the row.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
    "socket_connect_timeout": 1,
    "socket_timeout": 30,
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env_secret("MSSANTE_CACHE_URL"),
    }
}

TRUST_ANCHORS_DIR = env_path("MSSANTE_TRUST_ANCHORS_DIR")
TRUST_CRL_DIR = env_path("MSSANTE_TRUST_CRL_DIR")
TRUST_CERTIFICATE = env_path("MSSANTE_TRUST_CERTIFICATE")
TRUST_PRIVATE_KEY = env_path("MSSANTE_TRUST_PRIVATE_KEY")
WHITELIST_SOURCE = env_path("MSSANTE_WHITELIST_SOURCE")
WHITELIST_SIGNER_CN = env_str("MSSANTE_WHITELIST_SIGNER_CN", "alb.mssante.fr")
MAIL_ROUTES = env_routes("MSSANTE_MAIL_ROUTES")
SMTP_EHLO_NAME = env_str("MSSANTE_SMTP_NAME")
SMTP_LISTEN_HOST = env_str("MSSANTE_SMTP_LISTEN_HOST", "0.0.0.0")  # noqa: S104  (The trust space must reach us.)
SMTP_LISTEN_PORT = env_int("MSSANTE_SMTP_LISTEN_PORT", 25)
OUTBOUND_SLOTS = env_int("MSSANTE_OUTBOUND_SLOTS", 20)
CONNECTIONS_PER_PEER = env_int("MSSANTE_CONNECTIONS_PER_PEER", 3)
MSS_NIL = env_str("MSSANTE_NIL", "")

SESSION_COOKIE_NAME = f"__Host-mss_{OPERATOR_KEY}_staff"
PATIENT_SESSION_COOKIE_NAME = f"__Secure-mss_{OPERATOR_KEY}_patient"
SESSION_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
LOGGING["root"]["level"] = env_str("MSSANTE_LOG_LEVEL", "INFO")
