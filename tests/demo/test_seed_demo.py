"""The command that fills the demonstration: only there, and only the operator it is told."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from mssante.demo.operators import PRACTICE

pytestmark = pytest.mark.django_db(databases=["default", "directory"])


@pytest.fixture(autouse=True)
def _practice(settings):
    settings.OPERATOR_KEY = PRACTICE.key
    settings.MAIL_DOMAINS = [PRACTICE.domain]


def test_the_command_refuses_outside_the_demonstration(settings):
    settings.IS_DEMO = False
    with pytest.raises(CommandError):
        call_command("seed_demo")
    assert not User.objects.exists()


def test_the_command_fills_the_operator_of_the_settings_once(settings, capsys):
    settings.IS_DEMO = True
    call_command("seed_demo")
    assert "4 people, 2 mailboxes" in capsys.readouterr().out
    assert set(User.objects.values_list("username", flat=True)) == {
        "hugo.petit",
        "ines.roy",
        "karim.haddad",
        "julie.arnaud",
    }
    call_command("seed_demo")
    assert "0 people, 0 mailboxes, 0 messages" in capsys.readouterr().out
