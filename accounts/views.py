"""Logging in and out, by the professionals' door and by the patients'. Forms in, a session out.

The pages know allauth's views; who may come in is decided in ``accounts.login``.
"""

from typing import Any

from allauth.account.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.login import door_of
from accounts.models import User


class StaffLoginView(LoginView):  # type: ignore[misc]  # allauth ships no types.
    template_name = "account/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        # allauth's idea of a site would hide ours, the operator's name.
        context.pop("site", None)
        return context


class PatientLoginView(StaffLoginView):
    template_name = "portal/login.html"


class DoorLogoutView(LogoutView):  # type: ignore[misc]
    """Ends the session of the door the request came to, and says so in the audit trail."""

    template_name = "account/logout.html"
    next_page = "account_login"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            record_event(
                Event.ACCOUNT_SESSION_CLOSED,
                actor=request.user,
                detail={"door": door_of(request.path)},
            )
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response

    def get_redirect_url(self) -> str:
        return reverse(self.next_page)


class PatientLogoutView(DoorLogoutView):
    template_name = "portal/logout.html"
    next_page = "portal_login"
