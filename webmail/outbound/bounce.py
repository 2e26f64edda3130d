"""Plain notices to a sender of ours, in their own box, by the one way in: a letter failed, or takes
long. They never leave the house.

It knows deliveries and what became of them; why is worded for people here, since a notice is a
letter like any other.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit.events import Event
from accounts.audit.record import Entry, record_events
from webmail.inbound.spool import (
    Origin,
    SpoolRecipient,
    abandon_file,
    commit_to_spool,
    prepare_content,
)
from webmail.mailbox.reading import DamagedContentError, source_of, subject_of
from webmail.mime.addresses import domain_of
from webmail.mime.reports import compose_report
from webmail.mime.types import Address, DeliveryAction, DeliveryStatus
from webmail.models import Delivery, DeliveryState, Mailbox, Message, MessageState
from webmail.outbound.reasons import EXPIRED, STORIES, cure_of, sentence_of
from webmail.tracking import Outcome, WrongTransitionError

logger = logging.getLogger(__name__)

_HEADER_END = b"\r\n\r\n"
NULL_SENDER = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one recipient of a letter."""

    delivery: Delivery
    outcome: Outcome


def fail_and_tell(delivery: Delivery, outcome: Outcome, fail: Callable[[], None]) -> None:
    """Let ``fail`` write the failure, and put its notice into the sender's box: both or neither.

    Raises what ``fail`` raises; there is no notice then.
    """
    fail_all_and_tell([Fate(delivery, outcome)], fail)


def fail_all_and_tell(fates: Sequence[Fate], fail: Callable[[], None]) -> None:
    """The same for several recipients of one letter: all of them fail, under one notice.

    What a machine wrote has no sender to tell: its failure stands in the trail and goes no further.
    """
    message = fates[0].delivery.message
    if message.state == MessageState.AUTOMATIC:
        with transaction.atomic():
            fail()
        return
    with translation.override(settings.LANGUAGE_CODE):
        subject = _("Not delivered: %(subject)s") % {"subject": _subject(message)}
        heading = _("Your letter of %(date)s was not delivered to:") % {"date": _date(message)}
        text = "\n\n".join([heading, *(_block(one, is_final=True) for one in fates)])
    statuses = [_status(one, "failed") for one in fates]
    _act_and_tell(message, _notice(message, statuses, subject=subject, text=text), fail)


def tell_of_delay(deliveries: Sequence[Delivery]) -> None:
    """Tell the sender of a letter, once, that it still waits for these recipients, until when it is
    tried, and what to do: the mark on their rows and the notice, both or neither.

    Raises ``WrongTransitionError`` when one of them waits no more or somebody else tells of it.
    """
    message = deliveries[0].message
    fates = [Fate(one, outcome_so_far(one)) for one in deliveries]
    limit = min(one.created_at for one in deliveries)
    limit += timedelta(hours=settings.RETRY_EXPIRY_HOURS)
    with translation.override(settings.LANGUAGE_CODE):
        subject = _("Delayed: %(subject)s") % {"subject": _subject(message)}
        heading = _("Your letter of %(date)s has not yet reached:") % {"date": _date(message)}
        outlook = _(
            "We go on trying until %(limit)s. If the letter still waits then, it is given up and "
            "you are told so here.\n\n"
            "If it is urgent, call your correspondent or reach them another way. Do not send the "
            "letter a second time meanwhile: both might arrive."
        ) % {"limit": moment_text(limit)}
        text = "\n\n".join([heading, *(_block(one, is_final=False) for one in fates), outlook])
    statuses = [_status(one, "delayed") for one in fates]
    notice = _notice(message, statuses, subject=subject, text=text)
    _act_and_tell(message, notice, partial(mark_delay_told, deliveries))


def mark_delay_told(deliveries: Sequence[Delivery]) -> None:
    """Their sender is being told, in the caller's transaction, that they still wait.

    Raises ``WrongTransitionError`` when one of them waits no more, or somebody else told of it:
    then nothing may be told.
    """
    with transaction.atomic():
        waiting = Delivery.objects.filter(
            pk__in=[one.pk for one in deliveries],
            state__in=(DeliveryState.QUEUED, DeliveryState.DEFERRED),
            delay_told_at__isnull=True,
        )
        if waiting.update(delay_told_at=timezone.now()) != len(deliveries):
            raise WrongTransitionError("not all of these still wait and are untold")
        record_events(
            Entry(
                Event.DELIVERY_DELAY_TOLD,
                mailbox_id=one.mailbox_id,
                message_id=one.message_id,
                detail={"delivery": one.pk},
            )
            for one in deliveries
        )


def _act_and_tell(message: Message, notice: bytes, deed: Callable[[], None]) -> None:
    """``deed`` and the notice in one transaction; what is slow is done before it."""
    file = prepare_content(notice)
    try:
        with transaction.atomic():
            deed()
            to_sender = SpoolRecipient(message.mailbox)
            commit_to_spool(file, Origin(envelope_from=NULL_SENDER), [to_sender])
    except BaseException:
        abandon_file(file)
        raise


def outcome_so_far(delivery: Delivery) -> Outcome:
    """What its row says of it."""
    return Outcome(
        reason=delivery.reason,
        smtp_code=delivery.smtp_code,
        enhanced_code=delivery.enhanced_code,
        diagnostic=delivery.diagnostic,
    )


def _subject(message: Message) -> str:
    return subject_of(message) or _("(no subject)")


def _date(message: Message) -> str:
    return moment_text(message.at)


def moment_text(at: datetime) -> str:
    return timezone.localtime(at).strftime("%d/%m/%Y %H:%M")


def _block(fate: Fate, *, is_final: bool) -> str:
    """One recipient: who, what happened, who must act."""
    outcome, code = fate.outcome, fate.outcome.smtp_code
    what = sentence_of(outcome.reason, code=code, enhanced=outcome.enhanced_code)
    reason = outcome.reason
    known = fate.delivery.reason
    if reason == EXPIRED and code is None and known and known not in STORIES:
        # No peer said why; what stood in the way until now did.
        what, reason = f"{what} {sentence_of(known)}", known
    cure = cure_of(reason, is_final=is_final, code=code, enhanced=outcome.enhanced_code)
    if not reason:
        what = _("The letter waits for its turn.")
    return "\n".join(line for line in (fate.delivery.recipient.address, what, cure) if line)


def _status(fate: Fate, action: DeliveryAction) -> DeliveryStatus:
    outcome = fate.outcome
    family = "5." if action == "failed" else "4."
    enhanced = outcome.enhanced_code
    return DeliveryStatus(
        recipient=fate.delivery.recipient.address,
        action=action,
        status=enhanced if enhanced.startswith(family) else f"{family}0.0",
        diagnostic=f"{outcome.smtp_code or ''} {outcome.diagnostic}".strip() or outcome.reason,
    )


def machine_of(mailbox: Mailbox) -> Address:
    """Who writes what no person wrote, in the domain of ``mailbox``."""
    return Address(_("Mail service"), f"mailer-daemon@{domain_of(mailbox.address)}")


def headers_of(message: Message) -> bytes:
    """The header lines of a letter as it is kept; of one that does not open, its identifier: what
    is to be said of it must be said all the same.
    """
    try:
        return source_of(message).partition(_HEADER_END)[0] + b"\r\n"
    except DamagedContentError:
        logger.error("event=source_damaged message=%s", message.pk)  # noqa: TRY400  (The row says it all.)
        return f"Message-ID: <{message.rfc_message_id}>\r\n".encode("ascii", "replace")


def _notice(
    message: Message, statuses: Sequence[DeliveryStatus], *, subject: str, text: str
) -> bytes:
    """A delivery report (RFC 3464) with plain sentences; headers only, no content comes back."""
    mailbox = message.mailbox
    with translation.override(settings.LANGUAGE_CODE):
        machine = machine_of(mailbox)
    return compose_report(
        from_=machine,
        to=Address(mailbox.name, mailbox.address),
        reporting_mta=settings.SMTP_EHLO_NAME,
        original_message_id=message.rfc_message_id,
        original_headers=headers_of(message),
        recipients=statuses,
        text=text,
        subject=subject,
        message_id=f"{secrets.token_hex(16)}@{domain_of(mailbox.address)}",
        date=timezone.now(),
    )
