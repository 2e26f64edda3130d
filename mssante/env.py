"""Typed readers of the environment: the only file that opens it.

Text goes in, a typed value comes out, or the process refuses to start with the variable's name. It
does not know what any value means, and it never guesses: a malformed value is an error.
"""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def env_str(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name}.")
    return value


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be one of 1, 0, true, false, yes, no, on, off.")


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name)
    if value is None:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number.") from None


def env_list(name: str, default: list[str] | None = None) -> list[str]:
    """A comma-separated list; blanks around the items are dropped."""
    value = os.environ.get(name)
    if value is None:
        return list(default or [])
    return [item.strip() for item in value.split(",") if item.strip()]


def env_path(name: str, default: Path | None = None) -> Path:
    value = os.environ.get(name)
    if value is None:
        if default is None:
            raise ImproperlyConfigured(f"Set the environment variable {name} to a path.")
        return default
    return Path(value)


def env_routes(name: str) -> dict[str, tuple[str, int]]:
    """``domain=host:port,…`` → ``{domain: (host, port)}``: where a domain is reached when its MX is
    not asked.
    """
    routes = {}
    for item in env_list(name):
        domain, _, target = item.partition("=")
        host, _, port = target.rpartition(":")
        if not (domain and host and port.isdigit()):
            raise ImproperlyConfigured(f"{name} must look like domain=host:port,domain=host:port.")
        routes[domain.lower()] = (host.strip("[]"), int(port))
    return routes


def env_secret(name: str) -> str:
    """A secret, from ``NAME`` or from the file that ``NAME_FILE`` names (mounted secrets)."""
    file_name = os.environ.get(f"{name}_FILE")
    if file_name is not None:
        try:
            value = Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from None
    else:
        value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE; neither may be empty.")
    return value


def child_environment(extra: dict[str, str]) -> dict[str, str]:
    """The environment of a process we start: ours plus ``extra``."""
    return {**os.environ, **extra}
