"""National references live apart where the settings say so, and nowhere else."""

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction

from directory.models import TrustedDomain, WhitelistSnapshot
from mssante.databases import DirectoryRouter
from mssante.settings.databases import database_from_url
from webmail.models import Mailbox, Message

ROUTER = DirectoryRouter()
APART: dict[str, dict[str, str]] = {"default": {}, "directory": {}}
TOGETHER: dict[str, dict[str, str]] = {"default": {}}


@pytest.fixture
def layout(monkeypatch):
    return lambda databases: monkeypatch.setattr(settings, "DATABASES", databases)


@pytest.mark.parametrize("model", [TrustedDomain, WhitelistSnapshot])
def test_references_have_a_database_of_their_own(layout, model):
    layout(APART)
    assert ROUTER.db_for_read(model) == ROUTER.db_for_write(model) == "directory"


@pytest.mark.parametrize("model", [Mailbox, Message])
def test_mail_stays_in_the_default_database(layout, model):
    layout(APART)
    assert ROUTER.db_for_read(model) == ROUTER.db_for_write(model) == "default"


def test_one_database_holds_everything_where_there_is_one(layout):
    layout(TOGETHER)
    assert ROUTER.db_for_write(TrustedDomain) == "default"
    assert ROUTER.allow_migrate("default", "directory")
    assert ROUTER.allow_migrate("default", "webmail")


def test_each_table_is_made_once(layout):
    layout(APART)
    assert ROUTER.allow_migrate("directory", "directory")
    assert ROUTER.allow_migrate("default", "webmail")
    assert not ROUTER.allow_migrate("default", "directory")
    assert not ROUTER.allow_migrate("directory", "webmail")


def test_no_relation_crosses_from_one_database_to_the_other(layout):
    layout(APART)
    assert ROUTER.allow_relation(TrustedDomain(), WhitelistSnapshot())
    assert not ROUTER.allow_relation(TrustedDomain(), Mailbox())
    layout(TOGETHER)
    assert ROUTER.allow_relation(TrustedDomain(), Mailbox())


@pytest.mark.django_db(databases="__all__")
def test_tables_are_where_the_router_says():
    for model in (TrustedDomain, Mailbox):
        connection = connections[ROUTER.db_for_read(model)]
        assert model._meta.db_table in connection.introspection.table_names()


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_embedded_databases_wait_for_each_other_and_sync():
    connection = connections["default"]
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone()[0] == "on"
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone()[0] == "wal"
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone()[0] == 8_000


def test_database_address_is_read_whole():
    found = database_from_url("postgresql://mss:p%40ss@%2Frun%2Fpg:5433/mail")
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert (found["USER"], found["PASSWORD"], found["HOST"]) == ("mss", "p@ss", "/run/pg")
    assert (found["PORT"], found["NAME"]) == ("5433", "mail")
    assert "synchronous_commit=on" in found["OPTIONS"]["options"]


@pytest.mark.parametrize(
    "url", ["mysql://a/b", "sqlite:///x", "postgresql://host", "postgresql://host/", "x"]
)
def test_address_of_anything_else_is_refused_without_its_password(url):
    with pytest.raises(ImproperlyConfigured) as caught:
        database_from_url(url.replace("//", "//u:PLANTED@"))
    assert "PLANTED" not in str(caught.value)
