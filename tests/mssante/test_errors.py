"""Pages for what broke: the storage's trouble passes and says so, anything else is our fault."""

import errno

import pytest
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError
from django.test import RequestFactory

from mssante.errors import server_error


def answer_to(error, method="get"):
    request = getattr(RequestFactory(), method)("/")
    try:
        raise error
    except type(error):
        return server_error(request)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("PLANTED down"),
        InterfaceError("PLANTED closed"),
        InternalError("PLANTED read-only"),
        OSError(errno.ENOSPC, "PLANTED full"),
    ],
)
def test_storage_that_fails_is_503_in_words_without_a_trace(error):
    response = answer_to(error)
    page = response.content.decode()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert "Notre stockage fait une pause" in page
    assert "PLANTED" not in page
    assert "Revenez en arrière" not in page


def test_deed_that_was_not_confirmed_is_called_so():
    assert "Revenez en arrière" in answer_to(OperationalError(), "post").content.decode()


@pytest.mark.parametrize(
    "error",
    [ValueError("PLANTED"), DatabaseError("PLANTED"), FileNotFoundError(errno.ENOENT, "PLANTED")],
)
def test_anything_else_is_500_without_a_trace(error):
    response = answer_to(error)
    assert response.status_code == 500
    assert "PLANTED" not in response.content.decode()
