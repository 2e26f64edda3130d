"""Lines of the outbox and of a run: deliveries become values, decrypted, worded and linked. It
changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from webmail.mailbox.kinds import Delivery, DeliveryState
from webmail.mailbox.reading import person_of
from webmail.web.rows import sent_url, shown_subject
from webmail.web.shown import Truth
from webmail.web.times import sentence_time, short_time
from webmail.web.truth import cure, truth_of

_MAY_STILL_CHANGE = frozenset({DeliveryState.QUEUED, DeliveryState.DEFERRED})


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """One recipient's copy. ``next`` says when it is tried again and how often it was."""

    number: str
    letter: str
    who: str
    subject: str
    url: str
    when: str
    when_iso: str
    truth: Truth
    cure: str
    next: str
    may_act: bool


def show_waiting(deliveries: Sequence[Delivery]) -> tuple[WaitingRow, ...]:
    return tuple(_row(one) for one in deliveries)


def _row(delivery: Delivery) -> WaitingRow:
    message = delivery.message
    person = person_of(delivery.recipient, message.mailbox)
    return WaitingRow(
        number=str(delivery.pk),
        letter=str(message.pk),
        who=person.name or person.address,
        subject=shown_subject(message),
        url=sent_url(message),
        when=short_time(delivery.created_at),
        when_iso=delivery.created_at.isoformat(),
        truth=truth_of(delivery),
        cure=cure(delivery),
        next=_next(delivery),
        may_act=delivery.state in _MAY_STILL_CHANGE,
    )


def _next(delivery: Delivery) -> str:
    if delivery.state not in _MAY_STILL_CHANGE or delivery.next_attempt_at is None:
        return ""
    when = sentence_time(delivery.next_attempt_at)
    if not delivery.attempts:
        return _("First attempt %(time)s") % {"time": when}
    return _("Next attempt %(time)s, tried %(n)s times so far") % {
        "time": when,
        "n": delivery.attempts,
    }
