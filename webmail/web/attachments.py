"""Downloads: a file of a message or a draft, always as a file, never as a page of ours. Taking it
leaves its trace.
"""

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from accounts.models import User
from webmail.mailbox.access import access_attachment
from webmail.mailbox.reading import content_of, file_name
from webmail.web.shell import for_staff

# Types a browser may be told; anything else is a stream of bytes to it, whatever the sender called
# it.
_TOLD = frozenset(
    {
        "application/pdf",
        "application/zip",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
    }
)


@require_GET
@for_staff
def attachment(_request: HttpRequest, user: User, attachment_id: int) -> HttpResponse:
    part = access_attachment(user, attachment_id)
    told = part.content_type if part.content_type in _TOLD else "application/octet-stream"
    response = HttpResponse(content_of(part), content_type=told)
    response["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=file_name(part)
    )
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
