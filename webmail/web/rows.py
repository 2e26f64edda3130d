"""Lines of a list: rows of a box become ``Row`` values, decrypted, worded and linked. It changes
nothing.
"""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from webmail.mailbox.kinds import Delivery, Message, MessageState
from webmail.mailbox.queries import ThreadFacts, deliveries_of, thread_facts
from webmail.mailbox.reading import author_of, person_of, snippet_of, subject_of
from webmail.outbound.drafts import draft_text
from webmail.web.messages import honest_name
from webmail.web.shown import Row, Truth
from webmail.web.times import day_heading, short_time
from webmail.web.truth import summary_of

_NAMES_SHOWN = 2
# The marker by which software files documents; people read what follows it (client reference,
# ECO.3.1.3).
_MACHINE_PREFIX = "XDM/1.0/DDM+"


def shown_subject(message: Message) -> str:
    return subject_of(message).removeprefix(_MACHINE_PREFIX).strip() or _("(no subject)")


def make_rows(messages: Sequence[Message], *, open_thread: int = 0) -> tuple[Row, ...]:
    """One row per message; a heading where the day changes. ``open_thread`` is the conversation in
    view.
    """
    facts = thread_facts(messages)
    sent = [message for message in messages if message.state == MessageState.SENT]
    deliveries = deliveries_of(sent)
    rows = []
    day = ""
    for message in messages:
        heading = day_heading(message.at)
        of_thread = facts.get(message.thread_id or 0, ThreadFacts(1, 0))
        rows.append(
            Row(
                url=_url(message),
                who=_who(message, deliveries.get(message.pk, [])),
                subject=shown_subject(message),
                snippet=snippet_of(message),
                when=short_time(message.at),
                when_iso=message.at.isoformat(),
                day=heading if heading != day else "",
                is_unread=message.state == MessageState.RECEIVED and of_thread.unseen > 0,
                is_open=bool(open_thread) and message.thread_id == open_thread,
                messages=of_thread.messages if message.state == MessageState.RECEIVED else 1,
                attachments=message.attachment_count,
                truth=_truth(message, deliveries),
            )
        )
        day = heading
    return tuple(rows)


def _url(message: Message) -> str:
    if message.state == MessageState.DRAFT:
        return f"{reverse('compose')}?brouillon={message.pk}"
    if message.state == MessageState.SENT:
        return sent_url(message)
    return reverse("thread", args=[message.thread_id])


def sent_url(message: Message) -> str:
    """A letter of ours in its conversation, opened where it stands."""
    address = reverse("thread", args=[message.thread_id])
    return f"{address}?dossier=sent&lettre={message.pk}#message-{message.pk}"


def _who(message: Message, deliveries: Sequence[Delivery]) -> str:
    if message.state == MessageState.RECEIVED:
        author = author_of(message)
        return honest_name(author) or author.address or _("Unknown sender")
    if message.state == MessageState.DRAFT:
        return draft_text(message).to or _("No recipient yet")
    people = [person_of(delivery.recipient, message.mailbox) for delivery in deliveries]
    names = [person.name or person.address for person in people]
    if len(names) > _NAMES_SHOWN + 1:
        rest = len(names) - _NAMES_SHOWN
        return _("%(names)s and %(n)s others") % {
            "names": ", ".join(names[:_NAMES_SHOWN]),
            "n": rest,
        }
    return ", ".join(names)


def _truth(message: Message, deliveries: dict[int, list[Delivery]]) -> Truth | None:
    return summary_of(deliveries.get(message.pk, []))
