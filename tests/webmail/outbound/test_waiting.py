"""Letters that wait: tried now or not sent after all, by whoever may; what left is left."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.audit.models import AuditEvent
from tests.factories.outbox import claim, make_delivery
from webmail.models import PeerState
from webmail.outbound import waiting
from webmail.outbound.troubles import note_trouble
from webmail.outbound.waiting import Done, cancel, retry_now

pytestmark = pytest.mark.django_db

OTHER = "a@labo-bioval.mssante.example"


@pytest.fixture
def rung(monkeypatch):
    domains: list[str] = []
    monkeypatch.setattr(waiting, "ring_domain", domains.append)
    return domains


def later():
    return timezone.now() + timedelta(hours=1)


def test_what_waits_is_due_now_and_its_peer_is_asked_again(martin_box, dr_martin, rung):
    rows = [
        make_delivery(martin_box, state="deferred", next_attempt_at=later(), attempts=3),
        make_delivery(martin_box, next_attempt_at=later()),
        make_delivery(martin_box, address=OTHER, next_attempt_at=later()),
    ]
    note_trouble(rows[0].domain, "timeout")
    note_trouble("autre.mssante.example", "timeout")
    assert retry_now(rows, actor=dr_martin) == Done(3, 0)
    for row, attempts in zip(rows, (3, 0, 0), strict=True):
        row.refresh_from_db()
        assert row.next_attempt_at <= timezone.now()
        assert row.attempts == attempts
    assert rung == [rows[0].domain, "labo-bioval.mssante.example"]
    assert [one.domain for one in PeerState.objects.all()] == ["autre.mssante.example"]
    events = AuditEvent.objects.filter(event="delivery:retry:asked", actor=dr_martin)
    assert events.count() == 3


@pytest.mark.parametrize("verb", [retry_now, cancel])
@pytest.mark.parametrize("state", ["in_flight", "accepted", "failed", "cancelled"])
def test_what_does_not_wait_is_left_alone(martin_box, dr_martin, rung, verb, state):
    row = make_delivery(martin_box, state=state, lease_token="t" * 32)
    events = AuditEvent.objects.count()
    assert verb([row], actor=dr_martin) == Done(0, 1)
    row.refresh_from_db()
    assert (row.state, row.lease_token) == (state, "t" * 32)
    assert AuditEvent.objects.count() == events
    assert rung == []


def test_cancelled_letter_is_never_claimed(martin_box, dr_martin):
    first, second = make_delivery(martin_box), make_delivery(martin_box, state="deferred")
    claim(second, token="t" * 32, until=later())
    assert cancel([first, second], actor=dr_martin) == Done(1, 1)
    first.refresh_from_db()
    assert (first.state, first.next_attempt_at) == ("cancelled", None)
    event = AuditEvent.objects.get(event="delivery:state:cancelled")
    assert (event.actor, event.detail["delivery"]) == (dr_martin, first.pk)
    with pytest.raises(Exception, match="cannot be claimed"):
        claim(first, token="u" * 32, until=later())
