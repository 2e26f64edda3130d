"""Production settings: every value is demanded, and cookies hold to their names."""

import json
import os
import subprocess
import sys

import pytest
from django.core.cache import cache

from tests.architecture.sources import ROOT
from tests.factories.people import PASSWORD
from tests.factories.visitors import browser_of

NEEDED = {
    "MSSANTE_SECRET_KEY": "x" * 60,
    "MSSANTE_HOSTS": "portail.ch-valbrune.example",
    "MSSANTE_OPERATOR_NAME": "CH de Valbrune",
    "MSSANTE_MAIL_DOMAINS": "ch-valbrune.mssante.example",
    "MSSANTE_STATE_DIR": "state",
    "MSSANTE_MASTER_KEY_FILE": "master.key",
    "MSSANTE_DATABASE_URL": "postgresql://u:p@localhost/mail",
    "MSSANTE_BROKER_URL": "redis://localhost/0",
    "MSSANTE_CACHE_URL": "redis://localhost/1",
    "MSSANTE_TRUST_ANCHORS_DIR": "anchors",
    "MSSANTE_TRUST_CRL_DIR": "crl",
    "MSSANTE_TRUST_CERTIFICATE": "cert.pem",
    "MSSANTE_TRUST_PRIVATE_KEY": "key.pem",
    "MSSANTE_WHITELIST_SOURCE": "whitelist.xml",
    "MSSANTE_SMTP_NAME": "mss.ch-valbrune.example",
}
# Left out, they are empty: no host is answered, no domain is ours, and the checks say so.
_LISTS = {"MSSANTE_HOSTS", "MSSANTE_MAIL_DOMAINS"}
# Loads the settings again for each environment, in one process: starting Python is what costs.
_LOADER = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
needed = json.loads(sys.argv[1])
import mssante.settings.base
for left_out in ["", *needed]:
    for name in needed:
        os.environ.pop(name, None)
    os.environ.update({name: value for name, value in needed.items() if name != left_out})
    sys.modules.pop("mssante.settings.prod", None)
    try:
        importlib.import_module("mssante.settings.prod")
    except ImproperlyConfigured as error:
        print(left_out, "refused", left_out in str(error))
    else:
        print(left_out, "loaded")
"""


def test_every_value_of_a_site_is_demanded_by_its_name():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MSSANTE_")}
    result = subprocess.run(
        [sys.executable, "-c", _LOADER, json.dumps(NEEDED)],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = {name: "loaded" if name in _LISTS else "refused True" for name in NEEDED}
    expected = [" loaded", *(f"{name} {answer}" for name, answer in answers.items())]
    assert result.stdout.splitlines() == expected


@pytest.mark.django_db(databases="__all__")
def test_cookies_of_production_hold_what_their_names_promise(
    settings, dr_martin, martin_box, mme_durand
):
    """``__Host-`` means Secure, path / and no domain; ``__Secure-`` means Secure (RFC 6265bis)."""
    cache.clear()
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME = "__Host-mss_test_staff"
    settings.PATIENT_SESSION_COOKIE_NAME = "__Secure-mss_test_patient"
    for door, login, name, path in (
        ("/compte/connexion/", "camille.martin", "__Host-mss_test_staff", "/"),
        ("/patient/connexion/", "monique.durand", "__Secure-mss_test_patient", "/patient/"),
    ):
        response = browser_of().post(door, {"login": login, "password": PASSWORD}, secure=True)
        cookie = response.cookies[name]
        assert cookie["secure"]
        assert cookie["httponly"]
        assert (cookie["path"], cookie["domain"]) == (path, "")
