"""Administrators look at the trust space; nobody writes it."""

import pytest
from django.contrib import admin

from directory.models import TrustedDomain, WhitelistSnapshot
from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import HOSPITAL, PRACTICE

MODELS = [WhitelistSnapshot, TrustedDomain]


class Administrator:
    """Somebody who may do everything that permissions can give."""

    is_active = True
    is_staff = True

    def has_perm(self, perm, obj=None):
        return True


@pytest.fixture
def request_of_administrator(rf):
    request = rf.get("/")
    request.user = Administrator()
    return request


@pytest.mark.parametrize("model", MODELS)
def test_rows_are_seen_and_never_written(request_of_administrator, model):
    page = admin.site.get_model_admin(model)
    assert page.has_view_permission(request_of_administrator)
    assert not page.has_add_permission(request_of_administrator)
    assert not page.has_change_permission(request_of_administrator)
    assert not page.has_delete_permission(request_of_administrator)
    assert "delete_selected" not in page.get_actions(request_of_administrator)


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("words", [HOSPITAL.domain, HOSPITAL.host, HOSPITAL.structure_id])
def test_entries_are_found_by_domain_and_by_name(in_toy_space, request_of_administrator, words):
    refresh_whitelist()
    page = admin.site.get_model_admin(TrustedDomain)
    everything = TrustedDomain.objects.all()
    found, _ = page.get_search_results(request_of_administrator, everything, words)
    assert [entry.domain for entry in found] == [HOSPITAL.domain]
    assert everything.filter(domain=PRACTICE.domain).exists()
