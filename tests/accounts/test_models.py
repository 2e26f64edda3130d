"""People: what the database itself refuses, and how a person is named."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from tests.factories.people import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["is_staff", "is_superuser"])
def test_no_patient_administers(mme_durand, role):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=mme_durand.pk).update(**{role: True})


def test_one_account_per_national_identifier():
    make_user("a", "A", "A", national_id="810000000001")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user("b", "B", "B", national_id="810000000001")


def test_many_people_have_no_national_identifier():
    make_user("a", "A", "A", kind="staff")
    make_user("b", "B", "B", kind="staff")


def test_person_is_named_as_people_say_it():
    assert make_user("a", "Camille", "Martin", title="Dr").shown_name == "Dr Camille Martin"
    assert make_user("b.c", "", "").shown_name == "b.c"
    assert make_user("d", "élodie", "roy").initials == "ÉR"
    assert make_user("xy", "", "").initials == "XY"
