"""Every state and every reason has words, in French too, and the worst is what a letter shows."""

import ast
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone, translation

from webmail.models import DeliveryState
from webmail.outbound.reasons import cure_of, reason_of, sentence_of
from webmail.outbound.replies import PeerReply
from webmail.web.truth import LOOKS, cure, short_reason, state_of, steps_of, summary_of, truth_of

WORDED = (
    "unknown_recipient",
    "mailbox_full",
    "mailbox_closed",
    "mailbox_suspended",
    "too_big",
    "refused_by_policy",
    "refused",
    "untrusted_peer",
    "certificate_status_unknown",
    "no_starttls",
    "no_such_domain",
    "takes_no_mail",
    "whitelist_stale",
    "expired",
    "reported",
)
UNREACHABLE = (
    "unreachable",
    "timeout",
    "connection_lost",
    "tls",
    "greeting",
    "protocol",
    "peer_closing",
    "dns_unavailable",
    "internal",
)
NOW = timezone.now()
# From the worst to the best.
ORDER = (
    "failed",
    "uncertain",
    "deferred",
    "queued",
    "in_flight",
    "accepted",
    "delivered",
    "cancelled",
    "read",
    "taken_in_charge",
)


@dataclass
class Facts:
    state: str = "queued"
    is_uncertain: bool = False
    reason: str = ""
    smtp_code: int | None = None
    attempts: int = 1
    state_at: datetime = NOW
    created_at: datetime = NOW
    next_attempt_at: datetime | None = None
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    taken_at: datetime | None = None


def facts(state, **fields):
    if state == "uncertain":
        return Facts("deferred", is_uncertain=True, **fields)
    return Facts(state, **fields)


@pytest.fixture(params=["fr", "en"])
def _language(request):
    with translation.override(request.param):
        yield


@pytest.mark.usefixtures("_language")
@pytest.mark.parametrize("reason", WORDED + UNREACHABLE)
def test_every_reason_says_what_happened_and_who_must_act(reason):
    for words in (sentence_of(reason), cure_of(reason), short_reason(reason)):
        assert words.strip()
        assert reason not in words or " " in words
        assert "_" not in words
    assert sentence_of(reason).endswith(".")
    assert cure_of(reason).endswith(".")


def test_no_reason_has_no_words():
    assert sentence_of("") == cure_of("") == ""


def test_only_trouble_on_the_line_shares_one_sentence():
    shared = {sentence_of(reason) for reason in UNREACHABLE}
    assert len(shared) == 1
    assert not shared & {sentence_of(reason) for reason in WORDED}
    assert len({sentence_of(reason) for reason in WORDED}) == len(WORDED)


def test_every_reason_the_code_gives_is_known_here():
    """Whoever adds a reason says here whether it has words of its own."""
    given = set()
    for path in (Path(settings.BASE_DIR) / "webmail" / "outbound").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            texts = [one for one in node.args if isinstance(one, ast.Constant)]
            if called in {"TransportError", "NoRouteError"} and texts:
                given.add(texts[0].value)
            if called == "Outcome":
                given |= {
                    one.value.value
                    for one in node.keywords
                    if one.arg == "reason" and isinstance(one.value, ast.Constant)
                }
    assert given
    assert given <= set(WORDED + UNREACHABLE)


@pytest.mark.usefixtures("_language")
@pytest.mark.parametrize("state", ORDER)
def test_every_state_has_a_look_and_a_sentence(state):
    reason = "" if state == "queued" else "unknown_recipient"
    truth = truth_of(facts(state, reason=reason))
    assert truth.state == state
    assert (truth.tone, truth.track) == LOOKS[state]
    assert truth.sentence.strip()
    assert "%(" not in truth.sentence


def test_looks_are_for_the_states_that_exist():
    assert set(LOOKS) == {*DeliveryState.values, "uncertain"} == set(ORDER)


def test_nothing_is_green_that_is_not_proved():
    assert {state for state, (tone, _) in LOOKS.items() if tone == "done"} == {
        "read",
        "taken_in_charge",
    }


@pytest.mark.parametrize(("state", "shown"), [("queued", "uncertain"), ("deferred", "uncertain")])
def test_doubt_is_shown_while_nothing_is_known(state, shown):
    assert state_of(Facts(state, is_uncertain=True)) == shown


@pytest.mark.parametrize("state", ["in_flight", "accepted", "failed", "read"])
def test_doubt_is_not_shown_over_what_is_known(state):
    assert state_of(Facts(state, is_uncertain=True)) == state


@pytest.mark.parametrize(("worse", "better"), list(combinations(ORDER, 2)))
def test_letter_to_several_shows_its_worst(worse, better):
    summary = summary_of([facts(better), facts(worse), facts(better)])
    assert summary is not None
    assert (summary.state, summary.tone, summary.track) == (worse, *LOOKS[worse])
    first, second = summary.sentence.split(", ")
    assert first.startswith("1 ")
    assert second.startswith("2 ")


def test_letter_to_one_shows_its_own_sentence_and_to_nobody_none():
    one = facts("accepted")
    assert summary_of([one]) == truth_of(one)
    assert summary_of([]) is None


@pytest.mark.parametrize("state", ORDER)
def test_cure_is_told_only_when_something_is_wrong(state):
    told = cure(facts(state, reason="mailbox_full"))
    assert bool(told) == (state in {"failed", "deferred", "uncertain", "queued"})
    assert cure(facts("queued")) == ""


def test_what_was_never_tried_because_its_operator_is_silent_is_not_on_its_way():
    truth = truth_of(facts("queued", reason="timeout", next_attempt_at=NOW))
    assert (truth.state, truth.tone) == ("deferred", "silent")


@pytest.mark.parametrize("state", ORDER)
def test_there_are_four_stations(state):
    steps = steps_of(facts(state, accepted_at=timezone.now()))
    assert len(steps) == 4
    assert steps[1].mark == ("ko" if state == "failed" else "ring")


@pytest.mark.parametrize(
    ("code", "enhanced", "reason"),
    [
        (550, "5.1.1", "unknown_recipient"),
        (550, "", "unknown_recipient"),
        (550, "5.7.1", "refused_by_policy"),
        (550, "5.2.1", "mailbox_closed"),
        (552, "5.2.2", "mailbox_full"),
        (452, "4.2.2", "mailbox_full"),
        (452, "", "mailbox_full"),
        (552, "", "too_big"),
        (552, "5.3.4", "too_big"),
        (554, "", "refused"),
        (550, "5.5.0", "refused"),
        (451, "4.3.0", "refused"),
    ],
)
def test_refusal_is_named_by_its_enhanced_code_first(code, enhanced, reason):
    assert reason_of(PeerReply(code, enhanced, "non")) == reason
