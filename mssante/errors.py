"""Pages for requests that cannot be answered. They know the reason in words, never a trace, an id
or a message.
"""

import errno
import sys
from typing import Final

from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template

_AGAIN_SECONDS: Final = 30
# What a database says when it is down, full, locked or may not be written to.
_DATABASE: Final = (OperationalError, InterfaceError, InternalError)
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    return render(request, "403_csrf.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 when it is the storage that fails: that passes, and what was kept is kept.

    Django calls it while it handles the exception. Nothing here asks the database.
    """
    error = sys.exc_info()[1]
    is_disk = isinstance(error, OSError) and error.errno in _DISK
    if isinstance(error, _DATABASE) or is_disk:
        page = get_template("503.html").render({"is_deed": request.method == "POST"})
        return HttpResponse(page, status=503, headers={"Retry-After": str(_AGAIN_SECONDS)})
    return HttpResponse(get_template("500.html").render(), status=500)
