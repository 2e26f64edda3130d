"""What must never be false of the stored lists is held by the database."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from directory.models import TrustedDomain, WhitelistSnapshot

pytestmark = pytest.mark.django_db(databases="__all__")


def snapshot(*, is_active):
    now = timezone.now()
    return WhitelistSnapshot.objects.create(
        generated_at=now,
        loaded_at=now,
        checked_at=now,
        signer="CN=alb.demonstration.example",
        digest="0" * 64,
        entry_count=1,
        domain_count=1,
        is_active=is_active,
    )


def test_two_active_lists_are_refused():
    first = snapshot(is_active=True)
    snapshot(is_active=False)
    snapshot(is_active=False)
    with pytest.raises(IntegrityError), transaction.atomic(using=first._state.db):
        snapshot(is_active=True)


def test_same_entry_twice_in_a_list_is_refused_and_in_two_lists_is_not():
    first, second = snapshot(is_active=True), snapshot(is_active=False)
    entry = {"domain": "a.mssante.example", "dn": "CN=a", "dn_hash": "1" * 64}
    TrustedDomain.objects.create(snapshot=first, **entry)
    TrustedDomain.objects.create(snapshot=second, **entry)
    with pytest.raises(IntegrityError), transaction.atomic(using=first._state.db):
        TrustedDomain.objects.create(snapshot=first, **entry)


def test_rows_say_what_they_are():
    listed = snapshot(is_active=True)
    assert str(listed).startswith(f"{listed.version} (")
    assert str(TrustedDomain(domain="a.mssante.example")) == "a.mssante.example"
