"""System checks that refuse an unsafe deployment, each with an id and a cure.

In production they also stand at the door of each process: web, SMTP and workers do not start on an
error. They read settings and files, no table: a white list or a revocation list that is too old is
a matter of policy, never of start-up.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import ERROR, CheckMessage, Error, Tags, register, run_checks
from django.core.exceptions import ImproperlyConfigured

from accounts.keyring import KeyringError, check_master_key
from directory.trust.anchors import AnchorsError, is_toy, load_anchors

START = "start"  # The tag of what is checked before a process serves anybody.


def refuse_unsafe_start() -> None:
    """In production, raises ``ImproperlyConfigured`` with every error and its cure."""
    if not settings.IS_PRODUCTION:
        return
    found = [
        one
        for one in run_checks(tags=[START], include_deployment_checks=True)
        if one.level >= ERROR
    ]
    if found:
        raise ImproperlyConfigured("\n".join(str(one) for one in found))


@register(Tags.security, START, deploy=True)
def check_site(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Names without which mail would go astray."""
    found: list[CheckMessage] = []
    if not settings.MAIL_DOMAINS:
        found.append(_error("E001", "No mail domain is ours.", "Set MSSANTE_MAIL_DOMAINS."))
    if settings.DEBUG or not settings.SESSION_COOKIE_SECURE:
        found.append(
            _error(
                "E004",
                "Debug pages or cookies without TLS would give sessions away.",
                "Use mssante.settings.prod as it is.",
            )
        )
    if settings.PASSWORD_ALONE_SUFFICES or settings.IS_DEMO:
        found.append(
            _error(
                "E002",
                "A password alone opens health mail.",
                "Use mssante.settings.prod; the demonstration's settings are for the "
                "demonstration only.",
            )
        )
    if "." not in settings.SMTP_EHLO_NAME:
        found.append(
            _error(
                "E003",
                "The SMTP name is no host name.",
                "Set MSSANTE_SMTP_NAME to this host's FQDN.",
            )
        )
    return found


@register(Tags.security, START, deploy=True)
def check_trust(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """Anchors that are real, and a certificate of ours beside them."""
    found: list[CheckMessage] = []
    try:
        if is_toy(load_anchors("organisations")):
            found.append(
                _error(
                    "E010",
                    "The trust anchors are those of the demonstration.",
                    "Install the IGC-Santé roots and issuing CAs in "
                    "MSSANTE_TRUST_ANCHORS_DIR/organisations.",
                )
            )
    except AnchorsError as error:
        found.append(
            _error(
                "E011",
                f"The trust anchors cannot be read: {error}",
                "Install the IGC-Santé anchors.",
            )
        )
    missing = [
        name
        for name in ("TRUST_CERTIFICATE", "TRUST_PRIVATE_KEY")
        if not Path(getattr(settings, name)).is_file()
    ]
    return found + [
        _error("E012", f"{name} is not a file.", f"Set MSSANTE_{name} to our own PEM file.")
        for name in missing
    ]


@register(Tags.security, START, deploy=True)
def check_keys(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    try:
        check_master_key()
    except KeyringError as error:
        return [
            _error(
                "E020",
                f"The master key does not serve: {error}.",
                "Create one: manage.py create_master_key.",
            )
        ]
    return []


def _error(number: str, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"mssante.{number}")
