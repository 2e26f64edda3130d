"""A process that sees an operator from inside: writes and sends letters by the product's own verbs,
and counts the rows that others commit. ``python -m tests.benchmarks.inside`` with the operator's
settings; a line of JSON in, a line of JSON out.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.db import connections, transaction  # noqa: E402  (Django must be set up first.)
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from tests.check.steps import say  # noqa: E402
from webmail.models import (  # noqa: E402
    Delivery,
    DeliveryState,
    InboundMessage,
    Mailbox,
    MailboxAccess,
    Message,
    MessageState,
    SpoolState,
)
from webmail.outbound.drafts import (  # noqa: E402
    DraftText,
    UploadedPart,
    attach_files,
    create_draft,
)
from webmail.outbound.submit import submit_draft  # noqa: E402

_LOOK_SECONDS = 0.02
_TEXT = "Cher confrère, voici le compte rendu de la consultation de ce matin. "
_OVERHEAD = 1500  # Headers and the borders of parts, about.
_KEPT: list[Message] = []  # Drafts that wait for ``send``.


def write(count: int, size: int, to: list[str]) -> dict[str, int]:
    """``count`` drafts whose letters have about ``size`` bytes on the wire; nothing is sent."""
    mailbox, actor = _sender()
    # Base64 makes 78 bytes of 57.
    file = bytes(max(1, (size - _OVERHEAD - 2 * len(_TEXT)) * 57 // 78))
    for number in range(count):
        text = DraftText(to=to[number % len(to)], subject=f"Avis {number}", body=_TEXT * 2)
        draft = create_draft(mailbox, actor, text)
        content = number.to_bytes(8, "big") + time.time_ns().to_bytes(8, "big") + file[16:]
        attach_files(draft, [UploadedPart("compte-rendu.pdf", "application/pdf", content)])
        _KEPT.append(draft)
    return {"drafts": len(_KEPT)}


def send(threads: int) -> dict[str, Any]:
    """Send all that was written, as fast as so many people at once can; the Message-IDs."""
    _, actor = _sender()
    lock, identifiers, errors = threading.Lock(), [], []

    def work() -> None:
        try:
            while True:
                with lock:
                    if not _KEPT:
                        return
                    draft = _KEPT.pop()
                sent = submit_draft(draft, actor)
                identifiers.append(sent.rfc_message_id)
        except Exception as error:  # noqa: BLE001  (Told to whoever asked.)
            errors.append(type(error).__name__)
        finally:
            connections.close_all()

    began = time.time()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"began": began, "ended": time.time(), "ids": identifiers, "errors": errors}


def send_one() -> dict[str, float]:
    """Send one of the drafts; when its rows were committed."""
    _, actor = _sender()
    committed: list[float] = []
    with transaction.atomic():
        # Ours is the first of what runs when the transaction is committed; the bell comes after.
        transaction.on_commit(lambda: committed.append(time.time()))
        submit_draft(_KEPT.pop(), actor)
    return {"committed": committed[0]}


def await_received(count: int, seconds: float) -> dict[str, Any]:
    """When the first and the last of ``count`` letters more than now lie in boxes; ``ended`` is
    null when none came for ``seconds``.
    """
    before = _received().order_by("-pk").values_list("pk", flat=True).first() or 0
    new = _received().filter(pk__gt=before)
    say(json.dumps("watching"))
    found, first, first_found = 0, 0.0, 0
    deadline = time.monotonic() + seconds
    while found < count and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        now_found = new.count()
        if now_found > found:
            deadline = time.monotonic() + seconds
            if not found:
                first, first_found = time.time(), now_found
        found = now_found
    ended = time.time() if found >= count else None
    copies = Counter(new.values_list("rfc_message_id", flat=True))
    twice = [identifier for identifier, number in copies.items() if number > 1]
    return {
        "ended": ended,
        "first": first,
        "first_found": first_found,
        "found": found,
        "ids": list(copies),
        "twice": twice,
    }


def await_settled(seconds: float) -> dict[str, Any]:
    """Until nothing waits for a peer any more; what became of all deliveries."""
    deadline = time.monotonic() + seconds
    while _waiting().exists() and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return dict(Counter(Delivery.objects.values_list("state", flat=True)))


def await_spool_empty(seconds: float) -> dict[str, int]:
    """Until nothing waits in the spool; how much does still."""
    waiting = InboundMessage.objects.exclude(state=SpoolState.DONE)
    deadline = time.monotonic() + seconds
    while waiting.exists() and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return {"left": waiting.count()}


def count_spooled(seconds: float) -> dict[str, int]:
    """Letters received in the last ``seconds``, each a committed row."""
    since = timezone.now() - timedelta(seconds=seconds)
    return {"spooled": InboundMessage.objects.filter(received_at__gte=since).count()}


def _received() -> Any:
    return Message.objects.filter(state=MessageState.RECEIVED)


def _waiting() -> Any:
    waiting = (DeliveryState.QUEUED, DeliveryState.DEFERRED, DeliveryState.IN_FLIGHT)
    return Delivery.objects.filter(state__in=waiting)


def _sender() -> tuple[Mailbox, User]:
    """The first box of a person of their own, and the person."""
    access = MailboxAccess.objects.filter(can_send=True, mailbox__kind="PER").order_by("pk").first()
    if access is None:
        raise LookupError("nobody may send")
    return access.mailbox, access.user


VERBS: dict[str, Callable[..., Any]] = {
    verb.__name__: verb
    for verb in (
        write,
        send,
        send_one,
        await_received,
        await_settled,
        await_spool_empty,
        count_spooled,
    )
}


def main() -> None:
    say("ready")
    for line in sys.stdin:
        words = json.loads(line)
        answer = VERBS[words.pop("verb")](**words)
        say(json.dumps(answer))


if __name__ == "__main__":
    main()
