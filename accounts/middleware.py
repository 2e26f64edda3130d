"""Two doors, two session cookies: professionals and patients never share a session, even in one
browser.

It knows cookie names and address prefixes; it does not know who is behind a session.
"""

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse

from accounts.login import PATIENT_PREFIX, Door, door_of


def _cookie(request: HttpRequest) -> tuple[str, str]:
    """The session cookie's name and path for the door this request came to."""
    if door_of(request.path) is Door.PATIENT:
        return settings.PATIENT_SESSION_COOKIE_NAME, PATIENT_PREFIX
    return settings.SESSION_COOKIE_NAME, "/"


class DoorSessionMiddleware(SessionMiddleware):
    """Django's session middleware, with the cookie chosen by door.

    Django reads the cookie's name from its settings; the request is shown that name with the door's
    own value, and the answer's cookie is renamed back.
    """

    def process_request(self, request: HttpRequest) -> None:
        name, _path = _cookie(request)
        request.session = self.SessionStore(request.COOKIES.get(name))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        name, path = _cookie(request)
        standard = settings.SESSION_COOKIE_NAME
        if name == standard:
            return super().process_response(request, response)
        others = request.COOKIES.pop(standard, None)
        if name in request.COOKIES:
            request.COOKIES[standard] = request.COOKIES[name]
        response = super().process_response(request, response)
        morsel = response.cookies.pop(standard, None)
        if morsel is not None:
            response.cookies[name] = morsel.value
            for key, value in morsel.items():
                response.cookies[name][key] = value
            response.cookies[name]["path"] = path
        request.COOKIES.pop(standard, None)
        if others is not None:
            request.COOKIES[standard] = others
        return response
