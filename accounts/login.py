"""The one place every way of logging in ends in. It decides whether this person may come in by this
door with these means.

It does not know how a means was verified, and it knows no mailbox.
"""

from enum import StrEnum

from django.conf import settings
from django.http import HttpRequest

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.models import User


class Door(StrEnum):
    STAFF = "staff"  # Professionals, staff, administrators.
    PATIENT = "patient"


class Refusal(StrEnum):
    SECOND_FACTOR = "second_factor"  # A password alone does not open health mail.
    WRONG_DOOR = "wrong_door"
    INACTIVE = "inactive"


PATIENT_PREFIX = "/patient/"


def door_of(path: str) -> Door:
    """Which door an address belongs to: patients have their own addresses and their own session
    cookie.
    """
    return Door.PATIENT if path.startswith(PATIENT_PREFIX) else Door.STAFF


def check_login(request: HttpRequest, user: User) -> Refusal | None:
    """Why ``user``, whose password was right, may not come in; ``None`` when they may. Every answer
    leaves its trace.
    """
    refusal = _refusal(request, user)
    door = door_of(request.path)
    if refusal is None:
        record_event(
            Event.ACCOUNT_SESSION_OPENED,
            actor=user,
            detail={"door": door, "means": "password"},
        )
    else:
        record_event(
            Event.ACCOUNT_LOGIN_REFUSED,
            actor=user,
            detail={"door": door, "means": "password", "reason": refusal},
        )
    return refusal


def _refusal(request: HttpRequest, user: User) -> Refusal | None:
    if not user.is_active:
        return Refusal.INACTIVE
    if user.is_patient != (door_of(request.path) is Door.PATIENT):
        return Refusal.WRONG_DOOR
    # Web access to health mail needs two factors; until the second one exists, only the
    # demonstration opens with one.
    if not settings.PASSWORD_ALONE_SUFFICES:
        return Refusal.SECOND_FACTOR
    return None
