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
from webmail.outbound.codes import BY_CODE, BY_DETAIL, reason_of
from webmail.outbound.reasons import STORIES, cure_of, sentence_of, short_reason
from webmail.web.truth import LOOKS, cure, state_of, steps_of, summary_of, truth_of

# Slugs that the conversation itself gives, beside those of the peers' codes.
OURS = (
    "untrusted_peer",
    "certificate_status_unknown",
    "no_starttls",
    "whitelist_stale",
    "not_deposited",
    *STORIES,
)
WORDED = tuple(sorted({*OURS, *BY_DETAIL.values(), *BY_CODE.values(), "mailbox_suspended"}))
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
# Whoever must act is named in every sentence that says what to do.
WHO = {
    "fr": ("administrateur", "correspondant", "opérateur", "qui tient la liste", "nvoyez"),
    "en": ("administrator", "correspondent", "operator", "whoever keeps the list", "send "),
}
AGAIN = {"fr": "réessayé tout seul", "en": "tried again by itself"}
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
    enhanced_code: str = ""
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
def language(request):
    with translation.override(request.param):
        yield request.param


def check_words(reason, language, **codes):
    what, few = sentence_of(reason, **codes), short_reason(reason)
    cures = [cure_of(reason, is_final=is_final, **codes) for is_final in (True, False)]
    for words in (what, few, *cures):
        assert words.strip()
        assert "_" not in words
        assert "%(" not in words
    for words in (what, *cures):
        assert words.endswith(".")
    for words in cures:
        assert any(who in words.lower() for who in WHO[language]), words
    assert AGAIN[language] not in f"{what} {cures[0]}"


@pytest.mark.parametrize("reason", WORDED + UNREACHABLE)
def test_every_reason_says_what_happened_and_who_must_act(reason, language):
    check_words(reason, language)


def test_french_is_not_english():
    for reason in WORDED + UNREACHABLE:
        said = {}
        for language in ("fr", "en"):
            with translation.override(language):
                said[language] = sentence_of(reason), cure_of(reason, is_final=True)
        assert not set(said["fr"]) & set(said["en"]), reason


# IANA's registry of enhanced status codes: subject → the details it knows.
REGISTERED = {0: [0], 1: range(11), 2: range(5), 3: range(7), 4: range(8), 5: range(7)}
REGISTERED |= {6: range(11), 7: range(31)}
CODES = [f"{subject}.{one}" for subject, details in REGISTERED.items() for one in details]


@pytest.mark.parametrize("detail", CODES)
@pytest.mark.parametrize("family", [4, 5])
def test_every_registered_code_has_a_sentence_that_says_who_acts(family, detail, language):
    code = f"{family}.{detail}"
    reason = reason_of(family * 100 + 50, code)
    assert reason in WORDED
    check_words(reason, language)
    for story in sorted(STORIES):
        check_words(story, language, code=None, enhanced=code)


def test_table_holds_the_registry_and_nothing_else():
    assert set(BY_DETAIL) == set(CODES)


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_bare_code_is_named_too(code, language):
    check_words(reason_of(code, ""), language)


@pytest.mark.parametrize(
    ("code", "enhanced", "reason"),
    [
        (550, "5.9.9", "refused"),
        (550, "5.1.99", "refused"),
        (550, "5.7.99", "refused_by_policy"),
        (450, "4.4.99", "beyond_reach"),
        (599, "", "refused"),
        (None, "", "refused"),
        (550, "2.1.1", "unknown_recipient"),
        (550, "9.1.1", "unknown_recipient"),
        (554, "5.7", "refused"),
    ],
)
def test_code_nobody_registered_falls_back_honestly(code, enhanced, reason):
    assert reason_of(code, enhanced) == reason


def test_no_reason_has_no_words():
    assert sentence_of("") == cure_of("", is_final=True) == ""


def test_only_what_waits_is_said_to_be_tried_again(language):
    for reason in {*WORDED, *UNREACHABLE} - {"reported_delayed"}:
        assert AGAIN[language] in cure_of(reason, is_final=False)


def test_only_trouble_on_the_line_shares_one_sentence():
    shared = {sentence_of(reason) for reason in UNREACHABLE}
    assert len(shared) == 1
    assert not shared & {sentence_of(reason) for reason in WORDED}
    assert len({sentence_of(reason) for reason in WORDED}) == len(WORDED)


def test_letter_given_up_is_told_with_what_stood_in_its_way():
    full = sentence_of("mailbox_full")
    assert sentence_of("expired", code=452, enhanced="4.2.2").endswith(full)
    assert sentence_of("reported", enhanced="5.2.2").endswith(full)
    # The code of an earlier yes says nothing.
    assert sentence_of("reported_delayed", code=250) == sentence_of("reported_delayed")


def test_time_allowed_is_the_one_of_the_settings(settings):
    settings.RETRY_EXPIRY_HOURS = 12
    assert "12 heures" in sentence_of("expired")
    assert "12 heures" in short_reason("expired")


def test_every_reason_the_code_gives_is_known_here():
    """Whoever adds a reason says here whether it has words of its own."""
    given = set()
    rooms = [Path(settings.BASE_DIR) / "webmail" / room for room in ("outbound", "inbound")]
    for path in [path for room in rooms for path in room.glob("*.py")]:
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


@pytest.mark.usefixtures("language")
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
        (550, "5.5.0", "protocol_refused"),
        (451, "4.3.0", "peer_trouble"),
        (450, "4.2.1", "mailbox_suspended"),
        (550, "5.7.20", "origin_refused"),
    ],
)
def test_refusal_is_named_by_its_enhanced_code_first(code, enhanced, reason):
    assert reason_of(code, enhanced) == reason


def test_delay_at_the_peer_is_shown_while_its_operator_holds_the_letter():
    held = facts("accepted", reason="reported_delayed", enhanced_code="4.2.2")
    assert truth_of(held).state == "accepted"
    assert truth_of(held).sentence != truth_of(facts("accepted")).sentence
    assert sentence_of("mailbox_full") in cure(held)


def test_failure_is_told_by_its_codes():
    told = cure(facts("failed", reason="expired", smtp_code=452, enhanced_code="4.2.2"))
    assert sentence_of("mailbox_full") in told
    assert AGAIN["fr"] not in told
