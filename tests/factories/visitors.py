"""Browsers of the cast, each already through its own door; a published list without its file."""

from django.conf import settings
from django.test import Client
from django.utils import timezone

from directory.models import TrustedDomain, WhitelistSnapshot

PRACTICE_DOMAIN = "cabinet-tilleuls.mssante.example"


def browser_of(user=None, **headers):
    """A browser in which ``user`` is logged in by the door their account belongs to."""
    client = Client(headers={"accept-language": "fr", **headers})
    if user is not None:
        client.force_login(user)
        if user.is_patient:
            morsel = client.cookies.pop(settings.SESSION_COOKIE_NAME)
            client.cookies[settings.PATIENT_SESSION_COOKIE_NAME] = morsel.value
    return client


def publish_domains(*domains):
    """The white list in force names ``domains``; for tests that check no signature."""
    now = timezone.now()
    snapshot = WhitelistSnapshot.objects.create(
        generated_at=now,
        loaded_at=now,
        checked_at=now,
        signer="CN=alb.demonstration.example",
        digest="0" * 64,
        entry_count=len(domains),
        domain_count=len(domains),
        is_active=True,
    )
    for domain in domains:
        TrustedDomain.objects.create(
            snapshot=snapshot,
            domain=domain,
            dn=f"CN=mss.{domain}",
            dn_hash=domain[:64].ljust(64, "0"),
        )
    return snapshot


def messages_of(response):
    """What the next page tells the person."""
    return [str(message) for message in response.context["messages"]]
