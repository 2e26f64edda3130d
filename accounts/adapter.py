"""The seam with allauth: nobody signs up by themselves, and every login passes ``accounts.login``.

It knows allauth's hooks and our one decision; it knows no page and no mailbox.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _, gettext_lazy

from accounts.audit.events import Event
from accounts.audit.record import record_event
from accounts.login import Door, Refusal, check_login, door_of
from accounts.models import User


def _sentence(refusal: Refusal) -> str:
    if refusal is Refusal.WRONG_DOOR:
        return _(
            "This account opens by the other door: patients and professionals log in on "
            "different pages."
        )
    if refusal is Refusal.SECOND_FACTOR:
        return _(
            "A password alone does not open health mail here. Ask your administrator which means "
            "of login is available."
        )
    return _("This account is closed. Ask your administrator.")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types.
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": gettext_lazy("The login or the password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def pre_login(self, request: HttpRequest, user: User, **_kwargs: Any) -> HttpResponse | None:
        refusal = check_login(request, user)
        if refusal is None:
            return None
        messages.error(request, _sentence(refusal))
        return redirect(
            "portal_login" if door_of(request.path) is Door.PATIENT else "account_login"
        )

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        super().authentication_failed(request, **credentials)
        # What was typed is not kept: people type their password in the wrong field.
        record_event(
            Event.ACCOUNT_LOGIN_REFUSED,
            detail={"door": door_of(request.path), "means": "password", "reason": "credentials"},
        )

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        if door_of(request.path) is Door.PATIENT:
            return str(redirect("portal_home").url)
        return str(super().get_login_redirect_url(request))

    def add_message(self, *_args: Any, **_kwargs: Any) -> None:
        """allauth's own notices ("logged in as…") say nothing a user needs."""

    def send_mail(self, *_args: Any, **_kwargs: Any) -> None:
        """Nothing leaves the trust space from here: no flow of allauth that writes a letter is
        reachable.
        """
        raise NotImplementedError("no mail leaves by the account pages")
