"""The pages' stage: a published list, and a browser for each of the cast."""

import pytest

from tests.factories.visitors import PRACTICE_DOMAIN, browser_of, publish_domains


@pytest.fixture(autouse=True)
def _listed(request):
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        publish_domains(PRACTICE_DOMAIN)


@pytest.fixture
def martin(dr_martin, martin_box):
    """Dr Martin's browser."""
    return browser_of(dr_martin)


@pytest.fixture
def secretary(samia):
    """Samia's browser."""
    return browser_of(samia)


@pytest.fixture
def reader(dr_petit):
    """Dr Petit's browser: he reads in Dr Martin's box."""
    return browser_of(dr_petit)


@pytest.fixture
def stranger(dr_loup):
    """Dr Loup's browser."""
    return browser_of(dr_loup)
