"""Letters between our own boxes: by the same way in as mail from outside, without a network in
between.

It knows delivery rows and the spool; it knows no page.
"""

from collections.abc import Sequence

from django.db import transaction

from webmail import tracking
from webmail.inbound.spool import (
    Origin,
    SpoolRecipient,
    abandon_file,
    commit_to_spool,
    prepare_content,
)
from webmail.mailbox.reading import source_of
from webmail.models import Delivery, MailboxStatus, Message
from webmail.outbound.envelopes import envelope_sender
from webmail.outbound.outcomes import fail_for_good, try_again
from webmail.outbound.routing import own_mailbox
from webmail.tracking import Outcome


def deliver_locally(message: Message, deliveries: Sequence[Delivery], *, token: str) -> None:
    """Spool one copy for all open boxes; a box that is gone or full fails for that recipient
    alone.
    """
    content = source_of(message)
    ready: list[tuple[Delivery, SpoolRecipient]] = []
    for delivery in deliveries:
        mailbox = own_mailbox(delivery.recipient.address)
        if mailbox is None:
            fail_for_good(delivery, Outcome(reason="unknown_recipient"), token)
        elif mailbox.status == MailboxStatus.CLOSED:
            fail_for_good(delivery, Outcome(reason="mailbox_closed"), token)
        # As a peer is answered 4xx at our own gate, so our own letters wait.
        elif mailbox.status == MailboxStatus.SUSPENDED:
            try_again(delivery, Outcome(reason="mailbox_suspended"), token)
        elif mailbox.used_bytes + len(content) > mailbox.quota_bytes:
            try_again(delivery, Outcome(reason="mailbox_full"), token)
        else:
            ready.append((delivery, SpoolRecipient(mailbox, delivery)))
    if not ready:
        return
    file = prepare_content(content)
    try:
        # One transaction: the word «accepted» and the spooled copy stand or fall together.
        with transaction.atomic():
            origin = Origin(envelope_from=envelope_sender(message))
            commit_to_spool(file, origin, [recipient for _, recipient in ready])
            for delivery, _ in ready:
                tracking.accept(delivery, Outcome(), token=token)
    except BaseException:
        abandon_file(file)
        raise
