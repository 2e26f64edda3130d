"""The patient's own page. Today it greets and says what will stand here: no letter can reach a
patient through us yet.
"""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.models import User


@require_GET
@login_required(login_url="portal_login")
def home(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User) or not request.user.is_patient:
        raise Http404
    greeting = _("Hello %(name)s") % {"name": request.user.shown_name}
    return render(request, "portal/home.html", {"greeting": greeting})
