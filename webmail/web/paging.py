"""Where a page of a list begins, in an address and back. It knows keys and text, no list."""

from datetime import UTC, datetime

from django.http import HttpRequest
from django.utils import timezone

from webmail.mailbox.queries import Key


def key_of(request: HttpRequest) -> Key | None:
    """The page's key from the address; an address nobody made leads to the first page."""
    at, pk = moment_of(request.GET.get("avant", "")), request.GET.get("id", "")
    return Key(at, int(pk)) if at and pk.isdecimal() and len(pk) < 20 else None  # noqa: PLR2004


def older_url(url: str, following: Key | None) -> str:
    """The address of the page after ``url``'s; empty when there is none."""
    if following is None:
        return ""
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}avant={text_of(following.at)}&id={following.pk}"


def text_of(moment: datetime) -> str:
    """A moment as it may stand in an address."""
    return moment.isoformat().replace("+", "%2B")


def moment_of(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        # A time at the edge of the calendar may have no counterpart in UTC.
        return moment.astimezone(UTC) if timezone.is_aware(moment) else None
    except (ValueError, OverflowError):
        return None
