"""How long to wait after so many attempts."""

from datetime import timedelta

import pytest

from webmail.outbound.plan import wait_after


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 60), (1000, 60)]
)
def test_plan_is_followed_then_hourly(settings, attempts, minutes):
    settings.RETRY_PLAN_MINUTES = [1, 5, 15, 30, 60]
    assert wait_after(attempts) == timedelta(minutes=minutes)


def test_empty_plan_is_hourly(settings):
    settings.RETRY_PLAN_MINUTES = []
    assert wait_after(1) == timedelta(hours=1)
