"""The truth line: one table from a delivery's state to track, tone and sentence. Rows in, words
out; it changes nothing.

The sentence starts with the fact, then time, then the remedy. Nothing is green that is not proved.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from django.utils.translation import gettext as _, ngettext

from webmail.outbound.reasons import DELAYED, EXPIRED, cure_of, sentence_of, short_reason
from webmail.web.shown import Step, Truth
from webmail.web.times import sentence_time, station_time


class DeliveryFacts(Protocol):
    """What a delivery row tells of itself; the page needs no more of it."""

    @property
    def state(self) -> str: ...
    @property
    def state_at(self) -> datetime: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def attempts(self) -> int: ...
    @property
    def next_attempt_at(self) -> datetime | None: ...
    @property
    def is_uncertain(self) -> bool: ...
    @property
    def accepted_at(self) -> datetime | None: ...
    @property
    def delivered_at(self) -> datetime | None: ...
    @property
    def read_at(self) -> datetime | None: ...
    @property
    def taken_at(self) -> datetime | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def smtp_code(self) -> int | None: ...
    @property
    def enhanced_code(self) -> str: ...


# state → (tone, track). «uncertain» is deferred or queued with the mark of it.
LOOKS: dict[str, tuple[str, str]] = {
    "queued": ("way", "track-sent"),
    "in_flight": ("way", "track-sent"),
    "deferred": ("silent", "track-retry"),
    "uncertain": ("silent", "track-uncertain"),
    "accepted": ("way", "track-accepted"),
    "delivered": ("way", "track-delivered"),
    "read": ("done", "track-read"),
    "taken_in_charge": ("done", "track-charge"),
    "failed": ("failed", "track-failed"),
    "cancelled": ("off", "track-cancelled"),
}
# From the worst to the best: a letter with several recipients shows its worst.
_ORDER = (
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
_SAID_BY_THE_BOX = frozenset({"mailbox_full", "mailbox_suspended"})
_ON_THE_WAY = frozenset({"queued", "in_flight"})


def state_of(delivery: DeliveryFacts) -> str:
    """The state's slug for the table; a letter that may have arrived is «uncertain» until it is
    known.
    """
    if delivery.is_uncertain and delivery.state in {"queued", "deferred"}:
        return "uncertain"
    if delivery.state == "queued" and delivery.reason:
        # Never tried, because its operator does not answer at the moment.
        return "deferred"
    return delivery.state


def truth_of(delivery: DeliveryFacts) -> Truth:
    state = state_of(delivery)
    tone, track = LOOKS[state]
    return Truth(state=state, tone=tone, track=track, sentence=_sentence(state, delivery))


def _sentence(state: str, delivery: DeliveryFacts) -> str:
    time = sentence_time(delivery.state_at)
    if state in _ON_THE_WAY:
        return _("Sent %(time)s, on its way") % {"time": sentence_time(delivery.created_at)}
    if state == "deferred" and (delivery.smtp_code or delivery.reason in _SAID_BY_THE_BOX):
        return _("Not taken yet: %(why)s, attempt %(n)s %(time)s") % {
            "why": short_reason(delivery.reason),
            "n": delivery.attempts + 1,
            "time": sentence_time(delivery.next_attempt_at or delivery.state_at),
        }
    if state == "deferred":
        next_time = sentence_time(delivery.next_attempt_at or delivery.state_at)
        return _("Unreachable, attempt %(n)s %(time)s") % {
            "n": delivery.attempts + 1,
            "time": next_time,
        }
    if state == "failed":
        return _("Not delivered: %(why)s") % {"why": short_reason(delivery.reason)}
    if state == "accepted" and delivery.reason == DELAYED:
        return _("Accepted by their operator %(time)s, not in the mailbox yet") % {"time": time}
    sentences = {
        "uncertain": _(
            "Perhaps delivered %(time)s: the connection was cut. It is sent again under the "
            "same number"
        ),
        "accepted": _("Accepted by their operator %(time)s"),
        "delivered": _("Delivered to their mailbox %(time)s"),
        "read": _("Read %(time)s"),
        "taken_in_charge": _("Taken in charge %(time)s"),
        "cancelled": _("Cancelled; perhaps delivered before")
        if delivery.is_uncertain
        else _("Cancelled before sending"),
    }
    return sentences[state] % {"time": time}


def cure(delivery: DeliveryFacts) -> str:
    """What happened and who must act, for a letter that waits, is held up or failed; empty
    otherwise.
    """
    is_open = state_of(delivery) in {"failed", "deferred", "uncertain"}
    if not is_open and delivery.reason != DELAYED:
        return ""
    code, enhanced = delivery.smtp_code, delivery.enhanced_code
    what = sentence_of(delivery.reason, code=code, enhanced=enhanced)
    is_final = delivery.state == "failed"
    who = cure_of(delivery.reason, is_final=is_final, code=code, enhanced=enhanced)
    return f"{what} {who}".strip()


def summary_of(deliveries: Sequence[DeliveryFacts]) -> Truth | None:
    """One line for a letter: its only recipient's, or the worst state with counts in words."""
    if not deliveries:
        return None
    if len(deliveries) == 1:
        return truth_of(deliveries[0])
    states = [state_of(delivery) for delivery in deliveries]
    worst = min(states, key=_ORDER.index)
    tone, track = LOOKS[worst]
    parts = [_count(state, states.count(state)) for state in _ORDER if state in states]
    return Truth(state=worst, tone=tone, track=track, sentence=", ".join(parts))


def _count(state: str, n: int) -> str:
    texts = {
        "failed": ngettext("%(n)s not delivered", "%(n)s not delivered", n),
        "uncertain": ngettext("%(n)s perhaps delivered", "%(n)s perhaps delivered", n),
        "deferred": ngettext("%(n)s unreachable", "%(n)s unreachable", n),
        "queued": ngettext("%(n)s to be sent", "%(n)s to be sent", n),
        "in_flight": ngettext("%(n)s on its way", "%(n)s on their way", n),
        "accepted": ngettext("%(n)s accepted", "%(n)s accepted", n),
        "delivered": ngettext("%(n)s delivered", "%(n)s delivered", n),
        "cancelled": ngettext("%(n)s cancelled", "%(n)s cancelled", n),
        "read": ngettext("%(n)s read", "%(n)s read", n),
        "taken_in_charge": ngettext("%(n)s taken in charge", "%(n)s taken in charge", n),
    }
    return texts[state] % {"n": n}


def steps_of(delivery: DeliveryFacts) -> tuple[Step, ...]:
    """The four stations. «Delivered» is only ringed while the peer's operator alone has answered
    for the letter.
    """
    sent = Step(_("Sent"), station_time(delivery.created_at), "on")
    if delivery.state == "failed":
        # Nobody refused a letter that was given up.
        label = _("Given up") if delivery.reason == EXPIRED else _("Refused")
        return (sent, Step(label, station_time(delivery.state_at), "ko"), _off(), _off())
    return (
        sent,
        _second(delivery),
        _station(_("Read"), delivery.read_at, _("No proof of reading")),
        _station(_("Taken in charge"), delivery.taken_at, ""),
    )


def _second(delivery: DeliveryFacts) -> Step:
    if delivery.delivered_at is not None or delivery.read_at is not None:
        at = delivery.delivered_at or delivery.read_at
        return Step(_("Delivered"), station_time(at) if at else "", "on")
    if delivery.accepted_at is not None:
        return Step(_("Accepted"), station_time(delivery.accepted_at), "ring")
    return Step(_("Not delivered yet"), "", "off")


def _station(label: str, at: datetime | None, otherwise: str) -> Step:
    return Step(otherwise, "", "off") if at is None else Step(label, station_time(at), "on")


def _off() -> Step:
    return Step("", "", "off")
