"""Times and sizes in words, the shorter the nearer. Values in, text out."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.translation import gettext as _

_WEEK = 7
_KILO = 1000


def short_time(moment: datetime) -> str:
    """``10:42`` today, ``lun. 17:22`` within the week, ``24 nov.`` within the year, ``12/11/2025``
    before.
    """
    local, now = timezone.localtime(moment), timezone.localtime()
    days = (now.date() - local.date()).days
    if days == 0:
        return date_format(local, "H:i")
    if 0 < days < _WEEK:
        return f"{date_format(local, 'D').lower()}. {date_format(local, 'H:i')}"
    if local.year == now.year:
        return _short_day(local)
    return date_format(local, "d/m/Y")


def long_time(moment: datetime) -> str:
    """``aujourd'hui à 11:05``, ``hier à 17:22``, ``24 novembre 2026 à 11:05``."""
    local, now = timezone.localtime(moment), timezone.localtime()
    clock = date_format(local, "H:i")
    if local.date() == now.date():
        return _("today at %(clock)s") % {"clock": clock}
    if local.date() == (now - timedelta(days=1)).date():
        return _("yesterday at %(clock)s") % {"clock": clock}
    return _("%(day)s at %(clock)s") % {"day": date_format(local, "j F Y"), "clock": clock}


def day_heading(moment: datetime) -> str:
    """``Aujourd'hui``, ``Hier``, the weekday within the week, then the month."""
    local, now = timezone.localtime(moment), timezone.localtime()
    days = (now.date() - local.date()).days
    if days == 0:
        return _("Today, %(day)s") % {"day": date_format(local, "l j F")}
    if days == 1:
        return _("Yesterday")
    if 0 < days < _WEEK:
        return date_format(local, "l j F").capitalize()
    return date_format(local, "F Y").capitalize()


def sentence_time(moment: datetime) -> str:
    """A time inside a sentence: ``à 10:42`` today, else ``le 24 nov. à 10:42``."""
    local, now = timezone.localtime(moment), timezone.localtime()
    clock = date_format(local, "H:i")
    if local.date() == now.date():
        return _("at %(clock)s") % {"clock": clock}
    return _("on %(day)s at %(clock)s") % {"day": _short_day(local), "clock": clock}


def station_time(moment: datetime) -> str:
    """A time that stands alone under a station: ``10:42`` today, else ``24 nov. 10:42``."""
    local, now = timezone.localtime(moment), timezone.localtime()
    clock = date_format(local, "H:i")
    return clock if local.date() == now.date() else f"{_short_day(local)} {clock}"


def _short_day(local: datetime) -> str:
    """``24 nov.``: Django's French months in short form begin with a capital; people's do not."""
    return f"{local.day} {date_format(local, 'N').lower()}"


def size_text(size: int) -> str:
    """Decimal units, as file managers show them: ``84 ko``, ``6,2 Mo``."""
    if size < _KILO:
        return _("%(n)s bytes") % {"n": size}
    if size < _KILO**2:
        return _("%(n)s kB") % {"n": round(size / _KILO)}
    number = round(size / _KILO**2, 1)
    return _("%(n)s MB") % {"n": localize(int(number) if number == int(number) else number)}
