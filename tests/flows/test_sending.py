"""From a draft to a peer's answer: the whole outgoing road, over a real socket."""

import pytest

from tests.factories.letters import PETIT
from webmail.models import DeliveryState
from webmail.outbound.drafts import DraftText, UploadedPart, attach_files, create_draft
from webmail.outbound.submit import submit_draft
from webmail.outbound.tasks import drain_peer

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def send(mailbox, actor, *, to=PETIT, files=(), **fields):
    text = DraftText(to=to, subject="Avis", body="Bonjour,\n.\nMerci.", **fields)
    draft = create_draft(mailbox, actor, text)
    attach_files(draft, [UploadedPart(*file) for file in files])
    return submit_draft(draft, actor)


def test_letter_reaches_the_peer_and_is_accepted(martin_box, dr_martin, make_peer):
    peer = make_peer()
    letter = send(martin_box, dr_martin, files=[("ECG.pdf", "application/pdf", b"%PDF-1.4")])
    drain_peer("cabinet-tilleuls.mssante.example")
    delivery = letter.deliveries.get()
    assert delivery.state == DeliveryState.ACCEPTED
    ((sender, recipients, content, is_tls),) = peer.letters
    assert sender.startswith(f"MAIL FROM:<{martin_box.address}>")
    assert recipients == [f"RCPT TO:<{PETIT}>"]
    assert is_tls
    assert letter.rfc_message_id.encode() in content


def test_4xx_then_2xx_is_delivered_at_the_second_try(martin_box, dr_martin, make_peer):
    make_peer(replies={"RCPT": ["451 4.3.0 later", "250 2.1.5 ok"]})
    letter = send(martin_box, dr_martin)
    drain_peer("cabinet-tilleuls.mssante.example")
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.smtp_code, delivery.attempts) == (
        DeliveryState.DEFERRED,
        451,
        1,
    )
    letter.deliveries.update(next_attempt_at=delivery.created_at)
    drain_peer("cabinet-tilleuls.mssante.example")
    assert letter.deliveries.get().state == DeliveryState.ACCEPTED
