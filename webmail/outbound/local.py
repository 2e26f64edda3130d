"""Letters between our own boxes: by the same way in as mail from outside, without a network in
between.

It knows delivery rows and the spool; it knows no page.
"""

from collections.abc import Sequence
from functools import partial

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
from webmail.outbound.bounce import fail_and_tell
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
        refusal = ""
        if mailbox is None:
            refusal = "unknown_recipient"
        elif mailbox.status != MailboxStatus.ACTIVE:
            refusal = "mailbox_closed"
        elif mailbox.used_bytes + len(content) > mailbox.quota_bytes:
            refusal = "mailbox_full"
        if mailbox is None or refusal:
            outcome = Outcome(reason=refusal)
            fail_and_tell(delivery, outcome, partial(tracking.fail, delivery, outcome, token=token))
        else:
            ready.append((delivery, SpoolRecipient(mailbox, delivery)))
    if not ready:
        return
    file = prepare_content(content)
    try:
        # One transaction: the word «accepted» and the spooled copy stand or fall together.
        with transaction.atomic():
            origin = Origin(envelope_from=message.from_address)
            commit_to_spool(file, origin, [recipient for _, recipient in ready])
            for delivery, _ in ready:
                tracking.accept(delivery, Outcome(), token=token)
    except BaseException:
        abandon_file(file)
        raise
