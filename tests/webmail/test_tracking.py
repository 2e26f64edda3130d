"""The state machine of a recipient, against a table written out by hand: any verb, in any order."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings as hypothesis_settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.audit.models import AuditEvent
from tests.factories.outbox import claim, make_delivery
from webmail import tracking
from webmail.models import Delivery, Mailbox
from webmail.models.deliveries import FINAL, TRANSITIONS
from webmail.outbound.bounce import mark_delay_told
from webmail.tracking import Outcome, WrongTransitionError

pytestmark = pytest.mark.django_db(databases="__all__")

# From the plan: what may follow each state.
ALLOWED = {
    "queued": {"in_flight", "cancelled", "failed"},
    "in_flight": {"accepted", "deferred", "failed", "queued"},
    "deferred": {"in_flight", "cancelled", "failed"},
    "accepted": {"delivered", "read", "taken_in_charge", "failed"},
    "delivered": {"read", "taken_in_charge", "failed"},
    "read": {"taken_in_charge"},
    "failed": set(),
    "cancelled": set(),
    "taken_in_charge": set(),
}
TOKEN = "a" * 32
OTHER = "b" * 32
REFUSED = Outcome(reason="unknown_recipient", smtp_code=550, enhanced_code="5.1.1", diagnostic="no")


def far(minutes):
    return timezone.now() + timedelta(minutes=minutes)


# verb → (what it does with a token, the state it leads to, the states it may start from)
VERBS = {
    "claim": (lambda d, t: claim(d, token=t, until=far(1)), "in_flight", {"queued", "deferred"}),
    "accept": (lambda d, t: tracking.accept(d, Outcome(), token=t), "accepted", {"in_flight"}),
    "defer": (
        lambda d, t: tracking.defer(
            d, REFUSED, token=t, next_attempt_at=far(1), is_uncertain=False
        ),
        "deferred",
        {"in_flight"},
    ),
    "fail": (lambda d, t: tracking.fail(d, REFUSED, token=t), "failed", {"in_flight"}),
    "expire": (
        lambda d, _t: tracking.expire(d, REFUSED, now=far(2)),
        "failed",
        {"queued", "deferred", "in_flight"},
    ),
    "release": (
        lambda d, _t: tracking.release_expired(d, now=far(2), next_attempt_at=far(2)),
        "queued",
        {"in_flight"},
    ),
    "cancel": (
        lambda d, _t: tracking.cancel(d, actor=d.mailbox.holder),
        "cancelled",
        {"queued", "deferred"},
    ),
}
REPORTS = {
    "delivered": (tracking.note_delivered, {"accepted"}),
    "read": (tracking.note_read, {"accepted", "delivered"}),
    "taken_in_charge": (
        tracking.note_taken_in_charge,
        {"accepted", "delivered", "read"},
    ),
    "failed": (lambda d: tracking.note_failed(d, REFUSED), {"accepted", "delivered"}),
}
LATER = Outcome(reason="reported_delayed", enhanced_code="4.2.2", diagnostic="later")
HOLDERS_ONLY = {"accept", "defer", "fail"}


class OneDelivery(RuleBasedStateMachine):
    """Each step is checked for its state, exactly one audit event, one change of the box."""

    mailbox: Mailbox

    @initialize()
    def start(self):
        # A token is one claim's; here two serve all examples, whose rows stay until the end.
        Delivery.objects.update(lease_token="")
        self.delivery = make_delivery(self.mailbox)
        self.state = "queued"
        self.token = ""

    def facts(self):
        return AuditEvent.objects.count(), Mailbox.objects.get(pk=self.mailbox.pk).modseq

    @rule(verb=st.sampled_from(sorted(VERBS)), token=st.sampled_from([TOKEN, OTHER]))
    def act(self, verb, token):
        deed, target, sources = VERBS[verb]
        events, modseq = self.facts()
        may = self.state in sources and (verb not in HOLDERS_ONLY or token == self.token)
        if not may:
            with pytest.raises(WrongTransitionError):
                deed(Delivery.objects.get(pk=self.delivery.pk), token)
            assert self.facts() == (events, modseq)
            return
        assert target in ALLOWED[self.state]
        deed(Delivery.objects.get(pk=self.delivery.pk), token)
        self.state = target
        self.token = token if target == "in_flight" else ""
        assert self.facts() == (events + 1, modseq + 1)
        assert AuditEvent.objects.latest("pk").event == f"delivery:state:{target}"

    @rule(report=st.sampled_from(sorted(REPORTS)))
    def report(self, report):
        deed, sources = REPORTS[report]
        events, modseq = self.facts()
        deed(Delivery.objects.get(pk=self.delivery.pk))
        last = AuditEvent.objects.latest("pk")
        if self.state in sources:
            assert report in ALLOWED[self.state]
            self.state = report
            assert self.facts() == (events + 1, modseq + 1)
            assert last.event == f"delivery:state:{report}"
        else:
            assert self.facts() == (events + 1, modseq)
            assert last.event == "delivery:report:kept"
            assert last.detail["report"] == report

    @rule()
    def hear_of_a_delay(self):
        """No transition, whatever the state; one event all the same."""
        events, modseq = self.facts()
        tracking.note_delayed(Delivery.objects.get(pk=self.delivery.pk), LATER)
        row = Delivery.objects.get(pk=self.delivery.pk)
        is_held = self.state == "accepted"
        if is_held:
            assert (row.reason, row.enhanced_code) == ("reported_delayed", "4.2.2")
        assert self.facts() == (events + 1, modseq + is_held)
        named = "delivery:report:delayed" if is_held else "delivery:report:kept"
        assert AuditEvent.objects.latest("pk").event == named

    @rule()
    def our_own_house_gives_up(self):
        events, modseq = self.facts()
        row = Delivery.objects.get(pk=self.delivery.pk)
        if self.state != "accepted":
            with pytest.raises(WrongTransitionError):
                tracking.fail_after_all(row, REFUSED)
            assert self.facts() == (events, modseq)
            return
        tracking.fail_after_all(row, REFUSED)
        self.state = "failed"
        assert self.facts() == (events + 1, modseq + 1)

    @rule()
    def sender_is_told_of_a_delay(self):
        row = Delivery.objects.get(pk=self.delivery.pk)
        events, modseq = self.facts()
        if self.state in {"queued", "deferred"} and row.delay_told_at is None:
            mark_delay_told([row])
            assert self.facts() == (events + 1, modseq)
        else:
            with pytest.raises(WrongTransitionError):
                mark_delay_told([row])
            assert self.facts() == (events, modseq)

    @invariant()
    def row_is_what_the_plan_says(self):
        if not hasattr(self, "state"):
            return
        row = Delivery.objects.get(pk=self.delivery.pk)
        assert row.state == self.state
        assert row.lease_token == self.token
        assert (row.lease_until is not None) == (self.state == "in_flight")


def test_only_planned_transitions_happen_and_each_leaves_one_event(martin_box):
    OneDelivery.mailbox = martin_box
    run_state_machine_as_test(
        OneDelivery,
        settings=hypothesis_settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_table_of_the_code_is_the_table_of_the_plan():
    built = {
        state: {str(to) for to, froms in TRANSITIONS.items() if state in froms} for state in ALLOWED
    }
    assert built == ALLOWED
    assert {state for state, after in ALLOWED.items() if not after} == set(FINAL)


def test_each_claim_counts_an_attempt_and_forgets_the_dot_of_the_one_before(martin_box):
    delivery = make_delivery(martin_box, dot_at=timezone.now())
    claim(delivery, token=TOKEN, until=far(1))
    assert (delivery.attempts, delivery.dot_at, delivery.next_attempt_at) == (1, None, None)


def test_final_dot_needs_the_lease(martin_box):
    delivery = make_delivery(martin_box)
    claim(delivery, token=TOKEN, until=far(1))
    with pytest.raises(WrongTransitionError):
        tracking.note_final_dot(delivery, token=OTHER)
    delivery.refresh_from_db()
    assert delivery.dot_at is None
    tracking.note_final_dot(delivery, token=TOKEN)
    delivery.refresh_from_db()
    assert delivery.dot_at is not None


def test_doubt_stays_until_the_peer_answers_for_the_letter(martin_box):
    delivery = make_delivery(martin_box)
    claim(delivery, token=TOKEN, until=far(1))
    tracking.defer(
        delivery, Outcome(reason="timeout"), token=TOKEN, next_attempt_at=far(1), is_uncertain=True
    )
    claim(delivery, token=TOKEN, until=far(1))
    tracking.defer(
        delivery,
        Outcome(reason="unreachable"),
        token=TOKEN,
        next_attempt_at=far(1),
        is_uncertain=False,
    )
    assert delivery.is_uncertain
    claim(delivery, token=TOKEN, until=far(1))
    tracking.accept(delivery, Outcome(smtp_code=250), token=TOKEN)
    assert not delivery.is_uncertain


def test_living_lease_is_not_released(martin_box):
    delivery = make_delivery(martin_box)
    claim(delivery, token=TOKEN, until=far(1))
    with pytest.raises(WrongTransitionError):
        tracking.release_expired(delivery, now=timezone.now(), next_attempt_at=timezone.now())


def test_dot_noted_after_the_look_is_not_forgotten_by_the_release(martin_box):
    delivery = make_delivery(martin_box)
    claim(delivery, token=TOKEN, until=far(1))
    slow_worker = Delivery.objects.get(pk=delivery.pk)
    tracking.note_final_dot(slow_worker, token=TOKEN)
    with pytest.raises(WrongTransitionError):
        tracking.release_expired(delivery, now=far(2), next_attempt_at=far(2))
    delivery.refresh_from_db()
    tracking.release_expired(delivery, now=far(2), next_attempt_at=far(2))
    assert delivery.is_uncertain


def test_what_is_known_of_the_peer_outlives_an_outcome_that_says_nothing_of_it(martin_box):
    delivery = make_delivery(martin_box)
    claim(delivery, token=TOKEN, until=far(1))
    outcome = Outcome(
        smtp_code=250, peer_host="mss.example:25", peer_dn="CN=mss", tls_version="TLSv1.3"
    )
    tracking.accept(delivery, outcome, token=TOKEN)
    tracking.note_delivered(delivery)
    assert (delivery.peer_dn, delivery.tls_version, delivery.smtp_code) == (
        "CN=mss",
        "TLSv1.3",
        250,
    )
    assert delivery.delivered_at is not None


def test_what_was_claimed_and_never_begun_is_handed_back_as_no_attempt(martin_box):
    untried, begun, other = (make_delivery(martin_box) for _ in range(3))
    for one in (untried, begun):
        claim(one, token=TOKEN, until=far(1))
    claim(other, token=OTHER, until=far(1))
    tracking.note_final_dot(begun, token=TOKEN)
    tracking.hand_back(
        [untried, begun, other], Outcome(reason="timeout"), token=TOKEN, next_attempt_at=far(5)
    )
    for one in (untried, begun, other):
        one.refresh_from_db()
    assert (untried.state, untried.attempts, untried.reason) == ("queued", 0, "timeout")
    assert (begun.state, begun.attempts) == ("in_flight", 1)
    assert (other.state, other.lease_token) == ("in_flight", OTHER)
