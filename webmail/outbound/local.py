"""Letters between our own boxes: by the same way in as mail from outside, without a network in
between.

It knows delivery rows and the spool; it knows no page.
"""

from collections.abc import Sequence

from django.db import transaction

from webmail import tracking
from webmail.inbound.spool import Origin, SpoolRecipient, commit_to_spool, prepare_content
from webmail.mailbox.reading import source_of
from webmail.models import Delivery, MailboxStatus, Message
from webmail.outbound.bounce import tell_sender
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
            tracking.fail(delivery, Outcome(reason=refusal), token=token)
            tell_sender(delivery)
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
        file.discard()
        raise
