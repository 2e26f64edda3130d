"""Reports on letters we received, for whoever sent them: the wishes the incoming road wrote down
become letters and go the way of all letters, with no sender.

It words and composes; what goes on the wire and when is ``submit``'s and ``delivery``'s business.
"""

import contextlib
import logging
import secrets
from datetime import timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit.events import Event
from accounts.audit.record import record_event
from webmail import tracking
from webmail.inbound.files import read_spooled
from webmail.inbound.gate import HEADER_BYTES, read_header
from webmail.mailbox.reading import DamagedContentError
from webmail.mime.addresses import domain_of, normalise_address
from webmail.mime.envelope import parse_identifiers
from webmail.mime.esmtp import DELAY, FAILURE
from webmail.mime.fields import identifier_field
from webmail.mime.headers import split_headers
from webmail.mime.reports import compose_report
from webmail.mime.types import Address, DeliveryAction, DeliveryStatus, MimeError
from webmail.models import (
    AutomaticKind,
    AutomaticMessage,
    AutomaticState,
    DeliveryState,
    InboundMessage,
    InboundRecipient,
    Message,
    SpoolState,
)
from webmail.outbound.bounce import fail_and_tell, headers_of, machine_of, moment_text
from webmail.outbound.submit import AutomaticLetter, SubmitError, submit_automatic
from webmail.store.sealed import open_text, seal_text
from webmail.tracking import Outcome, WrongTransitionError

logger = logging.getLogger(__name__)

_MOST_A_SWEEP: Final = 200
_ACTIONS: Final[dict[str, tuple[DeliveryAction, str]]] = {
    AutomaticKind.DELIVERED: ("delivered", "2.0.0"),
    AutomaticKind.DELAYED: ("delayed", "4.3.0"),
    AutomaticKind.FAILED: ("failed", "5.3.0"),
}


class AlreadyDoneError(Exception):
    """Another sweeper wrote this letter; nothing of ours was."""


class _NotForAReportError(Exception):
    """The letter is a report itself (RFC 3461 §6.2)."""


def sweep_automatic() -> None:
    """Ask for what is owed on messages set aside, then write and send all that was asked for."""
    give_up_set_aside()
    send_automatic()


def give_up_set_aside() -> None:
    """Letters we said 250 for and could not deposit. An operator has as long to look at them as a
    letter of ours is tried; after that their senders are told that they did not arrive.
    """
    delays, end = settings.DELAY_NOTICE_HOURS, settings.RETRY_EXPIRY_HOURS
    # Of a delay only whoever asked for it is told; of a failure everybody who did not say no.
    _ask(AutomaticKind.DELAYED, _stuck(delays).filter(notify__contains=DELAY))
    told_unless_asked = Q(notify="") | Q(notify__contains=FAILURE)
    _ask(AutomaticKind.FAILED, _stuck(end).filter(told_unless_asked))
    _fail_our_own(_stuck(end))


def _stuck(hours: int) -> QuerySet[InboundRecipient]:
    limit = timezone.now() - timedelta(hours=hours)
    set_aside = InboundMessage.objects.filter(state=SpoolState.SET_ASIDE, received_at__lt=limit)
    return InboundRecipient.objects.filter(inbound__in=set_aside, deposited_at__isnull=True)


def _ask(kind: AutomaticKind, stuck: QuerySet[InboundRecipient]) -> None:
    asked = AutomaticMessage.objects.filter(recipient=OuterRef("pk"), kind=kind)
    untold = stuck.exclude(inbound__envelope_from="").exclude(inbound__peer_dn="")
    untold = untold.filter(~Exists(asked)).select_related("mailbox", "inbound")
    now = timezone.now()
    AutomaticMessage.objects.bulk_create(
        (
            AutomaticMessage(
                kind=kind,
                created_at=now,
                recipient=one,
                sealed_to=seal_text(one.mailbox, "automatic_to", one.inbound.envelope_from),
            )
            for one in untold.defer("inbound__content")[:_MOST_A_SWEEP]
        ),
        ignore_conflicts=True,
    )


def _fail_our_own(stuck: QuerySet[InboundRecipient]) -> None:
    """Between our own boxes the delivery is at hand: it fails, and its sender is told as ever."""
    ours = stuck.filter(delivery__state=DeliveryState.ACCEPTED).select_related(
        "delivery__recipient", "delivery__message__mailbox", "delivery__message__source"
    )
    outcome = Outcome(reason="not_deposited")
    for one in ours[:_MOST_A_SWEEP]:
        if one.delivery is not None:
            fail = partial(tracking.fail_after_all, one.delivery, outcome)
            with contextlib.suppress(WrongTransitionError):
                fail_and_tell(one.delivery, outcome, fail)


def send_automatic() -> None:
    """Write and submit each letter that is asked for; once, however many sweep."""
    waiting = (
        AutomaticMessage.objects.filter(state=AutomaticState.WAITING)
        .select_related("recipient__mailbox", "recipient__inbound", "about__mailbox")
        .order_by("pk")
    )
    for wish in waiting[:_MOST_A_SWEEP]:
        with contextlib.suppress(AlreadyDoneError):
            _send(wish)


def _send(wish: AutomaticMessage) -> None:
    try:
        submit_automatic(wish.recipient.mailbox, _letter(wish), partial(_claim, wish))
    except SubmitError as error:
        _drop(wish, error.problems[0].reason)
    except MimeError:
        _drop(wish, "malformed_address")
    except _NotForAReportError:
        _drop(wish, "report")


def _claim(wish: AutomaticMessage, message: Message) -> None:
    rows = AutomaticMessage.objects.filter(pk=wish.pk, state=AutomaticState.WAITING)
    if rows.update(state=AutomaticState.SENT, message=message) != 1:
        raise AlreadyDoneError
    _note(Event.AUTOMATIC_MESSAGE_SENT, wish, message_id=message.pk)


def _drop(wish: AutomaticMessage, reason: str) -> None:
    """It cannot be sent, and never will: the trail says why."""
    with transaction.atomic():
        rows = AutomaticMessage.objects.filter(pk=wish.pk, state=AutomaticState.WAITING)
        if rows.update(state=AutomaticState.DROPPED) == 1:
            _note(Event.AUTOMATIC_MESSAGE_DROPPED, wish, message_id=wish.about_id, reason=reason)


def _note(event: Event, wish: AutomaticMessage, *, message_id: int | None, **more: str) -> None:
    spool_id = wish.recipient.inbound_id
    record_event(
        event,
        mailbox_id=wish.recipient.mailbox_id,
        message_id=message_id,
        detail={"kind": wish.kind, "spool": spool_id, **more},
    )


def _letter(wish: AutomaticMessage) -> AutomaticLetter:
    mailbox = wish.recipient.mailbox
    to = Address("", open_text(mailbox, "automatic_to", wish.sealed_to))
    headers = _headers(wish)
    if normalise_address(to.address) != normalise_address(wish.recipient.inbound.envelope_from):
        # A header named somebody else than the sender: they learn of the fact, not of the letter.
        headers = identifier_field("Message-ID", (_identifier(headers),))
    with translation.override(settings.LANGUAGE_CODE):
        sender = machine_of(mailbox)
        subject, text = _words(wish)
    message_id = f"{secrets.token_hex(16)}@{domain_of(mailbox.address)}"
    content = compose_report(
        from_=sender,
        to=to,
        reporting_mta=settings.SMTP_EHLO_NAME,
        original_message_id=_identifier(headers),
        original_headers=headers,
        recipients=[_status(wish)],
        text=text,
        subject=subject,
        message_id=message_id,
        date=timezone.now(),
        arrival=wish.recipient.inbound.received_at,
        envelope_id=open_text(mailbox, "envelope_id", wish.recipient.sealed_envelope_id),
    )
    return AutomaticLetter(sender, to, message_id, content)


def _headers(wish: AutomaticMessage) -> bytes:
    """What comes back of the letter: its header lines, never its content (whatever RET asked)."""
    if wish.about is not None:
        return headers_of(wish.about)
    try:
        raw = read_spooled(wish.recipient.inbound)
    except (DamagedContentError, OSError):
        logger.error("event=spool_damaged spool=%s", wish.recipient.inbound_id)  # noqa: TRY400
        return b""
    head = raw[:HEADER_BYTES]
    header = read_header(head)
    if header is not None and header.is_report:
        raise _NotForAReportError
    return head[: split_headers(head, 0, len(head))[1]]


def _identifier(headers: bytes) -> str:
    block, _body = split_headers(headers, 0, len(headers))
    return next(iter(parse_identifiers(block.first("Message-ID"))), "")


def _status(wish: AutomaticMessage) -> DeliveryStatus:
    mailbox = wish.recipient.mailbox
    action, status = _ACTIONS[wish.kind]
    original = open_text(mailbox, "original", wish.recipient.sealed_original)
    return DeliveryStatus(
        recipient=original or mailbox.address,
        action=action,
        status=status,
        diagnostic="",
        final=mailbox.address if original else "",
    )


def _words(wish: AutomaticMessage) -> tuple[str, str]:
    """Subject and text. The sender may be a person: who must act is said here too."""
    facts = {
        "address": wish.recipient.mailbox.address,
        "date": moment_text(wish.recipient.inbound.received_at),
    }
    if wish.kind == AutomaticKind.DELIVERED:
        subject = _("Delivered to the mailbox")
        text = (
            _("Your letter of %(date)s lies in the mailbox %(address)s.")
            + " "
            + _("This says nothing of whether it was read. There is nothing to do.")
        )
    elif wish.kind == AutomaticKind.DELAYED:
        subject = _("Not in the mailbox yet")
        text = (
            _("Your letter of %(date)s arrived and does not lie in %(address)s yet.")
            + " "
            + _("We are looking into it; call your correspondent if it is urgent.")
        )
    else:
        subject = _("Not delivered to the mailbox")
        text = (
            _("Your letter of %(date)s could not be put into the mailbox %(address)s.")
            + " "
            + _("Reach your correspondent another way, then send it anew.")
        )
    return subject, text % facts
