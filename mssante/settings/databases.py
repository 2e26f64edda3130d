"""One database address → Django's dictionary. It knows the address, no site."""

from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def database_from_url(url: str) -> dict[str, Any]:
    """``postgresql://user:password@host:port/name`` → settings; ``host`` may be a percent-encoded
    socket folder.

    Raises ``ImproperlyConfigured`` for any other scheme, so that a typing error never falls back to
    another database.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            "The database address must look like postgresql://user:password@host:port/name."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.strip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # A letter acknowledged with 250 is on disk, whatever the server's own default. Neither a
        # server that does not answer nor a lock may hold a page longer than people wait for it.
        "OPTIONS": {
            "options": "-c synchronous_commit=on -c lock_timeout=8s",
            "connect_timeout": 5,
        },
    }
