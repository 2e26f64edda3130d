"""The retry plan: how long to wait after so many attempts. A number in, a time out."""

from datetime import timedelta

from django.conf import settings

_HOURLY = timedelta(hours=1)


def longest_wait() -> timedelta:
    return max(_HOURLY, *(timedelta(minutes=one) for one in settings.RETRY_PLAN_MINUTES))


def wait_after(attempts: int) -> timedelta:
    """``RETRY_PLAN_MINUTES``, then hourly."""
    plan = settings.RETRY_PLAN_MINUTES
    return timedelta(minutes=plan[attempts - 1]) if attempts <= len(plan) else _HOURLY
