"""One message as a page shows it: plate, text or frame, files, the way of each copy. Rows in,
values out; it changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from django.urls import reverse
from django.utils.translation import gettext as _

from directory.trust.whitelist import is_listed_domain
from webmail.mailbox.kinds import Attachment, Delivery, Message, MessageState, RecipientKind
from webmail.mailbox.reading import (
    DamagedContentError,
    Reading,
    author_of,
    file_name,
    person_of,
    read_message,
    snippet_of,
)
from webmail.mime.addresses import domain_of
from webmail.mime.types import Address
from webmail.web.shown import DeliveryShown, File, MessageShown, Plate
from webmail.web.times import long_time, size_text
from webmail.web.truth import cure, steps_of, truth_of

_PEOPLE_SHOWN = 20
_LONGEST_TEXT = 200_000


def show_message(
    message: Message, deliveries: Sequence[Delivery], *, is_expanded: bool
) -> MessageShown:
    reading, notice = _read(message)
    is_sent = message.state == MessageState.SENT
    plate = plate_of(author_of(message))
    has_html = bool(reading and reading.html)
    return MessageShown(
        anchor=f"message-{message.pk}",
        # We need no list to vouch for ourselves.
        plate=replace(plate, is_trusted=None) if is_sent else plate,
        is_sent=is_sent,
        is_expanded=is_expanded,
        when=long_time(message.at),
        when_iso=message.at.isoformat(),
        recipients=_recipients(message),
        snippet=snippet_of(message),
        text="" if has_html or reading is None else reading.text,
        frame_url=reverse("message_body", args=[message.pk]) if has_html else "",
        notice=notice,
        files=tuple(show_file(part) for part in message.attachments.all() if not part.is_inline),
        deliveries=tuple(_delivery(one, message) for one in deliveries),
        source_url=reverse("message_source", args=[message.pk]),
    )


def _read(message: Message) -> tuple[Reading | None, str]:
    """The reading and one sentence about it. A message that does not open is said to be there, not
    hidden.
    """
    try:
        reading = read_message(message)
    except DamagedContentError:
        return None, _("This message is damaged and cannot be shown. Tell your administrator.")
    if len(reading.text) > _LONGEST_TEXT:
        text = reading.text[:_LONGEST_TEXT]
        return replace(reading, text=text), _(
            "This message is very long: here is its beginning. “See the original” gives all of it."
        )
    if (elsewhere := _answers_elsewhere(message, reading)) is not None:
        return reading, _("Answers to this message go to %(address)s, not to its sender.") % {
            "address": elsewhere
        }
    if reading.refused:
        return reading, _("The formatting of this message was too heavy to show: here is its text.")
    if reading.blocked_images:
        return reading, _(
            "Images from outside are never loaded: they would tell the sender when you read."
        )
    return reading, ""


def _answers_elsewhere(message: Message, reading: Reading) -> str | None:
    """The address of Reply-To, when it lies in another domain than the author's: a usual way to
    send an answer astray.
    """
    home = domain_of(author_of(message).address)
    others = [one.address for one in reading.reply_to if domain_of(one.address) != home]
    return others[0] if others else None


def honest_name(person: Address) -> str:
    """The display name, unless it passes for an address that is not the sender's own."""
    poses = "@" in person.name and person.name.strip().lower() != person.address.lower()
    return "" if poses else person.name


def plate_of(person: Address) -> Plate:
    """Name first; without one the address stands for it. Trusted: the domain is on the white list
    in force.
    """
    name = honest_name(person)
    domain = domain_of(person.address)
    words = (name or person.address.partition("@")[0]).replace("_", " ").replace(".", " ").split()
    letters = [
        word[0]
        for word in words
        if word[0].isalpha() and word.lower() not in {"dr", "pr", "m", "mme"}
    ]
    return Plate(
        name=name or person.address or _("Unknown sender"),
        line=person.address if name else "",
        initials="".join(letters[:2]).upper() or "?",
        is_trusted=bool(domain) and is_listed_domain(domain),
    )


def _recipients(message: Message) -> str:
    to: list[str] = []
    cc: list[str] = []
    for recipient in message.recipients.all()[:_PEOPLE_SHOWN]:
        person = person_of(recipient, message.mailbox)
        (cc if recipient.kind == RecipientKind.CC else to).append(person.name or person.address)
    parts = []
    if to:
        parts.append(_("To %(names)s") % {"names": ", ".join(to)})
    if cc:
        parts.append(_("copy to %(names)s") % {"names": ", ".join(cc)})
    hidden = message.recipients.all().count() - _PEOPLE_SHOWN
    if hidden > 0:
        parts.append(_("and %(n)s others") % {"n": hidden})
    return "; ".join(parts)


def _delivery(delivery: Delivery, message: Message) -> DeliveryShown:
    kinds = {RecipientKind.CC: _("Cc"), RecipientKind.BCC: _("Bcc")}
    return DeliveryShown(
        plate=plate_of(person_of(delivery.recipient, message.mailbox)),
        kind=kinds.get(RecipientKind(delivery.recipient.kind), ""),
        truth=truth_of(delivery),
        steps=steps_of(delivery),
        cure=cure(delivery),
    )


def show_file(attachment: Attachment, *, is_draft: bool = False) -> File:
    return File(
        name=file_name(attachment),
        size=size_text(attachment.size),
        kind=_kind(attachment.content_type),
        url=reverse("attachment", args=[attachment.pk]),
        remove_value=str(attachment.pk) if is_draft else "",
    )


def _kind(content_type: str) -> str:
    if content_type == "application/pdf":
        return "PDF"
    if content_type in {"application/zip", "application/x-zip-compressed"}:
        return "ZIP"
    if content_type.startswith("image/"):
        return _("image")
    if content_type.startswith("text/"):
        return _("text")
    return ""
