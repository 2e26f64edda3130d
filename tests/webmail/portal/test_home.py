"""The patients' page: theirs alone."""

import pytest

from tests.factories.visitors import browser_of

pytestmark = pytest.mark.django_db(databases="__all__")


def test_patient_is_greeted_by_name(mme_durand):
    page = browser_of(mme_durand).get("/patient/")
    assert page.status_code == 200
    assert "Bonjour Monique Durand" in page.content.decode()


def test_stranger_is_led_to_the_patients_door(db):
    assert browser_of().get("/patient/").url == "/patient/connexion/?next=/patient/"


def test_patients_page_takes_no_post(mme_durand):
    assert browser_of(mme_durand).post("/patient/").status_code == 405


def test_patients_page_names_no_page_of_the_professionals_but_their_door(mme_durand):
    page = browser_of(mme_durand).get("/patient/").content.decode()
    assert "/messages/" not in page
    assert "/admin/" not in page
