"""Logging in and out: two doors, one form each, the same sentence for every wrong pair."""

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.urls import reverse

from accounts.audit.events import Event
from accounts.audit.models import AuditEvent
from tests.factories.people import PASSWORD
from tests.factories.visitors import browser_of

pytestmark = pytest.mark.django_db(databases="__all__")

STAFF_DOOR, PATIENT_DOOR = "/compte/connexion/", "/patient/connexion/"
WRONG_DOOR = "Ce compte s’ouvre par l’autre porte"


@pytest.fixture(autouse=True)
def _no_earlier_attempt():
    """Attempts are counted in the cache."""
    cache.clear()
    yield
    cache.clear()


def knock(door, login, password=PASSWORD, browser=None, **query):
    browser = browser or browser_of()
    return browser.post(door, {"login": login, "password": password, **query})


def events(event):
    return [(one.actor, one.detail) for one in AuditEvent.objects.filter(event=event)]


def test_right_password_opens_the_inbox(dr_martin, martin_box):
    browser = browser_of()
    response = knock(STAFF_DOOR, "camille.martin", browser=browser)
    assert (response.status_code, response.url) == (302, "/")
    assert browser.get("/", follow=True).redirect_chain == [("/messages/", 302)]
    assert events(Event.ACCOUNT_SESSION_OPENED) == [
        (dr_martin, {"door": "staff", "means": "password"})
    ]


@pytest.mark.parametrize("door", [STAFF_DOOR, PATIENT_DOOR])
def test_unknown_person_and_wrong_password_look_the_same(dr_martin, mme_durand, door):
    known = "camille.martin" if door == STAFF_DOOR else "monique.durand"
    answers = []
    for login in (known, "personne.inconnue"):
        response = knock(door, login, "pas le bon mot de passe")
        page = response.content.decode().replace(login, "")
        answers.append((response.status_code, page.count('role="alert"'), len(page)))
        assert not browser_is_in(response)
    assert answers[0] == answers[1]
    assert answers[0][0] == 200


def browser_is_in(response):
    names = {django_settings.SESSION_COOKIE_NAME, django_settings.PATIENT_SESSION_COOKIE_NAME}
    return response.status_code == 302 and bool(names & set(response.cookies))


def test_refused_login_is_traced_without_what_was_typed(dr_martin):
    knock(STAFF_DOOR, "mon mot de passe secret", "camille.martin")
    ((actor, detail),) = events(Event.ACCOUNT_LOGIN_REFUSED)
    assert actor is None
    assert detail == {"door": "staff", "means": "password", "reason": "credentials"}


@pytest.mark.parametrize(
    ("door", "login"), [(PATIENT_DOOR, "camille.martin"), (STAFF_DOOR, "monique.durand")]
)
def test_wrong_door_is_said_and_nobody_comes_in(dr_martin, mme_durand, door, login):
    browser = browser_of()
    response = knock(door, login, browser=browser)
    assert response.url == door
    assert WRONG_DOOR in browser.get(door).content.decode()
    assert browser.get("/messages/").status_code == 302
    assert browser.get("/patient/").status_code == 302
    (((_actor, detail)),) = events(Event.ACCOUNT_LOGIN_REFUSED)
    assert detail["reason"] == "wrong_door"
    assert events(Event.ACCOUNT_SESSION_OPENED) == []


def test_wrong_door_with_a_wrong_password_says_nothing_of_the_door(mme_durand):
    response = knock(STAFF_DOOR, "monique.durand", "pas le bon mot de passe")
    assert response.status_code == 200
    assert WRONG_DOOR not in response.content.decode()


def test_password_alone_opens_nothing_outside_the_demonstration(dr_martin, martin_box, settings):
    settings.PASSWORD_ALONE_SUFFICES = False
    browser = browser_of()
    knock(STAFF_DOOR, "camille.martin", browser=browser)
    assert "Un mot de passe seul n’ouvre pas la messagerie ici" in (
        browser.get(STAFF_DOOR).content.decode()
    )
    assert browser.get("/messages/").status_code == 302
    (((actor, detail)),) = events(Event.ACCOUNT_LOGIN_REFUSED)
    assert (actor, detail["reason"]) == (dr_martin, "second_factor")


def test_password_alone_opens_no_patient_session_either(mme_durand, settings):
    settings.PASSWORD_ALONE_SUFFICES = False
    browser = browser_of()
    knock(PATIENT_DOOR, "monique.durand", browser=browser)
    assert browser.get("/patient/").status_code == 302


def test_closed_account_does_not_come_in(dr_martin, martin_box):
    dr_martin.is_active = False
    dr_martin.save()
    browser = browser_of()
    knock(STAFF_DOOR, "camille.martin", browser=browser)
    assert browser.get("/messages/").status_code == 302
    assert events(Event.ACCOUNT_SESSION_OPENED) == []
    assert len(events(Event.ACCOUNT_LOGIN_REFUSED)) == 1


def test_account_closed_during_a_session_is_out_at_once(dr_martin, martin_box):
    browser = browser_of(dr_martin)
    assert browser.get("/messages/").status_code == 200
    dr_martin.is_active = False
    dr_martin.save()
    assert browser.get("/messages/").status_code == 302


def test_many_attempts_are_stopped(dr_martin):
    statuses = [knock(STAFF_DOOR, "camille.martin", f"mauvais {n}") for n in range(5)]
    assert {response.status_code for response in statuses} == {200}
    stopped = knock(STAFF_DOOR, "camille.martin")
    assert not browser_is_in(stopped)


# Cookies


def test_each_door_has_its_cookie_name_and_path(dr_martin, martin_box, mme_durand):
    staff = knock(STAFF_DOOR, "camille.martin")
    patient = knock(PATIENT_DOOR, "monique.durand")
    assert django_settings.SESSION_COOKIE_NAME in staff.cookies
    assert django_settings.PATIENT_SESSION_COOKIE_NAME not in staff.cookies
    assert staff.cookies[django_settings.SESSION_COOKIE_NAME]["path"] == "/"
    assert django_settings.PATIENT_SESSION_COOKIE_NAME in patient.cookies
    assert django_settings.SESSION_COOKIE_NAME not in patient.cookies
    morsel = patient.cookies[django_settings.PATIENT_SESSION_COOKIE_NAME]
    assert morsel["path"] == "/patient/"
    for response in (staff, patient):
        for cookie in response.cookies.values():
            assert cookie["httponly"]
            assert cookie["samesite"] == "Lax"


def test_both_doors_in_one_browser_do_not_disturb_each_other(dr_martin, martin_box, mme_durand):
    browser = browser_of()
    knock(STAFF_DOOR, "camille.martin", browser=browser)
    knock(PATIENT_DOOR, "monique.durand", browser=browser)
    assert browser.get("/messages/").status_code == 200
    assert browser.get("/patient/").status_code == 200
    browser.post("/patient/deconnexion/")
    assert browser.get("/patient/").status_code == 302
    assert browser.get("/messages/").status_code == 200


def test_session_of_staff_is_useless_at_the_patients_door(dr_martin, martin_box):
    browser = browser_of(dr_martin)
    assert browser.get("/patient/").status_code == 302
    stolen = browser.cookies[django_settings.SESSION_COOKIE_NAME].value
    browser.cookies[django_settings.PATIENT_SESSION_COOKIE_NAME] = stolen
    assert browser.get("/patient/").status_code == 404


def test_session_of_a_patient_is_useless_at_the_other_door(mme_durand, martin_box):
    browser = browser_of(mme_durand)
    assert browser.get("/patient/").status_code == 200
    assert browser.get("/messages/").status_code == 302
    stolen = browser.cookies[django_settings.PATIENT_SESSION_COOKIE_NAME].value
    browser.cookies[django_settings.SESSION_COOKIE_NAME] = stolen
    assert browser.get("/messages/").status_code == 404
    assert browser.get("/admin/").status_code == 302


def test_login_gives_the_session_a_new_key(dr_martin, martin_box):
    """A key planted before the login must not be worth anything after it."""
    browser = browser_of()
    browser.get(STAFF_DOOR)
    browser.cookies[django_settings.SESSION_COOKIE_NAME] = "plantee0plantee0plantee0plantee0"
    knock(STAFF_DOOR, "camille.martin", browser=browser)
    assert browser.cookies[django_settings.SESSION_COOKIE_NAME].value != (
        "plantee0plantee0plantee0plantee0"
    )


# Ways in and out


def test_page_asked_for_opens_after_the_login(dr_martin, martin_box):
    target = f"/boites/{martin_box.pk}/sent/"
    asked = browser_of().get(target)
    assert asked.url == f"{STAFF_DOOR}?next={target}"
    response = knock(STAFF_DOOR, "camille.martin", next=target)
    assert response.url == target


@pytest.mark.parametrize(
    "target", ["https://vol.example/", "//vol.example/", "javascript:alert(1)"]
)
def test_login_leads_to_no_other_site(dr_martin, martin_box, target):
    response = knock(STAFF_DOOR, "camille.martin", next=target)
    assert response.url == "/"


def test_admin_is_entered_by_the_same_door(administrator, settings):
    asked = browser_of().get("/admin/", follow=True)
    assert asked.redirect_chain[-1][0].startswith(STAFF_DOOR)
    browser = browser_of()
    browser.post("/admin/login/", {"username": "paul.garnier", "password": PASSWORD})
    assert browser.get("/admin/").status_code == 302
    knock(STAFF_DOOR, "paul.garnier", browser=browser)
    assert browser.get("/admin/").status_code == 200


def test_doctor_does_not_enter_the_admin(dr_martin, martin_box):
    assert browser_of(dr_martin).get("/admin/", follow=True).status_code in {403, 404}


def test_logging_out_is_a_post_and_is_traced(dr_martin, martin_box):
    browser = browser_of(dr_martin)
    asked = browser.get("/compte/deconnexion/")
    assert asked.status_code == 200
    assert "<form" in asked.content.decode()
    assert browser.get("/messages/").status_code == 200
    response = browser.post("/compte/deconnexion/")
    assert response.url == STAFF_DOOR
    assert browser.get("/messages/").status_code == 302
    assert events(Event.ACCOUNT_SESSION_CLOSED) == [(dr_martin, {"door": "staff"})]


def test_patient_leaves_by_their_own_door(mme_durand):
    browser = browser_of(mme_durand)
    assert browser.post("/patient/deconnexion/").url == PATIENT_DOOR
    assert browser.get("/patient/").status_code == 302


def test_login_without_the_token_is_refused(dr_martin):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True, headers={"accept-language": "fr"})
    response = strict.post(STAFF_DOOR, {"login": "camille.martin", "password": PASSWORD})
    assert response.status_code == 403
    assert PASSWORD not in response.content.decode()


def test_login_with_the_token_passes(dr_martin, martin_box, mme_durand):
    """The token lives in the session of the door: both doors give one out before anybody is in."""
    import re

    from django.test import Client

    for door, login in ((STAFF_DOOR, "camille.martin"), (PATIENT_DOOR, "monique.durand")):
        strict = Client(enforce_csrf_checks=True)
        page = strict.get(door).content.decode()
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        response = strict.post(
            door, {"login": login, "password": PASSWORD, "csrfmiddlewaretoken": token}
        )
        assert response.status_code == 302


@pytest.mark.parametrize("path", ["/accounts/signup/", "/compte/inscription/", "/accounts/login/"])
def test_no_other_way_in_exists(path):
    assert browser_of().get(path).status_code == 404


def test_name_typed_comes_back_escaped(db):
    page = knock(STAFF_DOOR, '"><script>alert(1)</script>', "x").content.decode()
    assert "<script>alert" not in page


def test_addresses_of_the_doors():
    assert reverse("account_login") == STAFF_DOOR
    assert reverse("portal_login") == PATIENT_DOOR
