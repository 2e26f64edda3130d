"""The checks that refuse an unsafe site: each speaks up alone; a whole site is silent."""

import pytest
from django.core.checks import ERROR, run_checks
from django.core.exceptions import ImproperlyConfigured

from accounts.keyring import create_master_key
from mssante.checks import START, refuse_unsafe_start


@pytest.fixture
def site(in_toy_space, settings, tmp_path, monkeypatch):
    """A complete production site. The toy anchors stand for real ones: their mark is unknown."""
    monkeypatch.setattr("directory.trust.anchors.TOY_MARK", "NO SUCH MARK")
    settings.IS_PRODUCTION = True
    settings.DEBUG = False
    settings.IS_DEMO = False
    settings.PASSWORD_ALONE_SUFFICES = False
    settings.SESSION_COOKIE_SECURE = True
    settings.MAIL_DOMAINS = ["ch-valbrune.mssante.example"]
    settings.SMTP_EHLO_NAME = "mss.ch-valbrune.example"
    settings.MASTER_KEY_FILE = tmp_path / "master.key"
    create_master_key(settings.MASTER_KEY_FILE)
    return settings


def findings():
    found = run_checks(tags=[START], include_deployment_checks=True)
    assert all(one.level >= ERROR and one.hint for one in found)
    return sorted(str(one.id).removeprefix("mssante.") for one in found)


def test_complete_site_is_silent(site):
    assert findings() == []
    refuse_unsafe_start()


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("MAIL_DOMAINS", [], "E001"),
        ("PASSWORD_ALONE_SUFFICES", True, "E002"),
        ("IS_DEMO", True, "E002"),
        ("SMTP_EHLO_NAME", "localhost", "E003"),
        ("DEBUG", True, "E004"),
        ("SESSION_COOKIE_SECURE", False, "E004"),
    ],
)
def test_unsafe_setting_is_refused(site, name, value, number):
    setattr(site, name, value)
    assert findings() == [number]
    with pytest.raises(ImproperlyConfigured, match=number):
        refuse_unsafe_start()


def test_anchors_of_the_demonstration_are_refused(site, monkeypatch):
    monkeypatch.undo()
    assert findings() == ["E010"]


def test_missing_anchors_are_refused(site, tmp_path):
    site.TRUST_ANCHORS_DIR = tmp_path / "nowhere"
    assert findings() == ["E011"]


@pytest.mark.parametrize("name", ["TRUST_CERTIFICATE", "TRUST_PRIVATE_KEY"])
def test_missing_certificate_or_key_of_ours_is_refused(site, tmp_path, name):
    setattr(site, name, tmp_path / "nowhere.pem")
    assert findings() == ["E012"]


def test_missing_master_key_is_refused(site, tmp_path):
    site.MASTER_KEY_FILE = tmp_path / "other.key"
    assert findings() == ["E020"]


def test_master_key_that_others_may_read_is_refused(site, tmp_path):
    site.MASTER_KEY_FILE = tmp_path / "open.key"
    create_master_key(site.MASTER_KEY_FILE)
    site.MASTER_KEY_FILE.chmod(0o644)
    assert findings() == ["E020"]


def test_all_that_is_wrong_is_said_at_once(site):
    site.MAIL_DOMAINS = []
    site.SMTP_EHLO_NAME = "localhost"
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_unsafe_start()
    assert "E001" in str(refused.value)
    assert "E003" in str(refused.value)


def test_other_environments_start_without_being_asked(site):
    site.IS_PRODUCTION = False
    site.MAIL_DOMAINS = []
    refuse_unsafe_start()
