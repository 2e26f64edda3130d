"""A process of the site under test that prepares it, writes letters and says what lies in its
tables: one JSON object a line in, one out. It keeps no connection between two questions.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from mssante.demo.operators import PRACTICE


def prepare():
    from accounts.keyring import create_master_key
    from directory.trust.whitelist import refresh_whitelist
    from tests.factories.people import make_mailbox, make_user

    for alias in settings.DATABASES:
        call_command("migrate", database=alias, verbosity=0)
    create_master_key(settings.MASTER_KEY_FILE)
    for folder in ("queue", "control"):
        (Path(settings.STATE_DIR) / "bell" / folder).mkdir(parents=True)
    refresh_whitelist()
    martin = make_user("camille.martin", "Camille", "Martin", title="Dr")
    make_mailbox("camille.martin", "Dr Camille Martin", holder=martin)


def submit(*, count, to, subject="Avis"):
    """Write letters by the product's own verb; their Message-IDs."""
    from accounts.models import User
    from tests.factories.outbox import send
    from webmail.models import Mailbox

    box, author = Mailbox.objects.get(), User.objects.get()
    letters = [
        send(box, author, to=to, subject=f"{subject} {number}", body="Bonjour.")
        for number in range(count)
    ]
    return [letter.rfc_message_id for letter in letters]


def deliveries():
    from webmail.models import Delivery

    return [
        {
            "id": row.message.rfc_message_id,
            "domain": row.domain,
            "state": str(row.state),
            "reason": row.reason,
            "attempts": row.attempts,
            "is_uncertain": row.is_uncertain,
            "next_in": _seconds_until(row.next_attempt_at),
        }
        for row in Delivery.objects.select_related("message").order_by("pk")
    ]


def spool():
    from webmail.models import InboundMessage

    return [
        {
            "state": str(row.state),
            "attempts": row.attempts,
            "problem": row.problem,
            "next_in": _seconds_until(row.next_attempt_at),
        }
        for row in InboundMessage.objects.order_by("pk")
    ]


def letters():
    """What lies in the box: Message-ID and digest of each letter a peer sent."""
    from webmail.mailbox.reading import source_of
    from webmail.models import Message, MessageState

    found = Message.objects.filter(
        state=MessageState.RECEIVED, rfc_message_id__endswith=PRACTICE.domain
    ).select_related("source", "mailbox")
    return [
        [one.rfc_message_id, hashlib.sha256(_as_sent(source_of(one))).hexdigest()]
        for one in found.order_by("pk")
    ]


def _as_sent(source):
    """Without the trace headers that the box's own operator writes above."""
    return source[source.index(b"From: ") :]


def _seconds_until(moment):
    return None if moment is None else (moment - timezone.now()).total_seconds()


DEEDS = {one.__name__: one for one in (prepare, submit, deliveries, spool, letters)}


def main():
    django.setup()
    # Whatever else is printed must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": DEEDS[question.pop("do")](**question)}
        except Exception as error:  # noqa: BLE001  (The test decides what a failure means.)
            answer = {"error": f"{type(error).__name__}: {error}"}
        connections.close_all()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
