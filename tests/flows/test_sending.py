"""From a draft to a peer's answer: the whole outgoing road, over a real socket."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from directory.trust.whitelist import refresh_whitelist
from mssante.demo.operators import PRACTICE
from tests.factories.letters import PETIT
from tests.factories.outbox import BODY, PRACTICE_DOMAIN, ROY, send, write_draft
from tests.factories.people import make_mailbox
from webmail.inbound.tasks import drain_spool
from webmail.mailbox.reading import read_message, source_of
from webmail.models import (
    Delivery,
    DeliveryState,
    FolderRole,
    Mailbox,
    MailboxKind,
    Message,
    MessageState,
)
from webmail.outbound.submit import AlreadySentError, submit_draft
from webmail.outbound.tasks import drain_peer

pytestmark = pytest.mark.django_db(databases="__all__")
OURS = "ch-valbrune.mssante.example"


@pytest.fixture
def trust_space(in_toy_space, db):
    """No thread here touches the database, unless a test says so: what it writes is rolled back."""
    refresh_whitelist()
    return in_toy_space


@pytest.fixture
def cardiology(martin_box):
    return make_mailbox("cardiologie", "Cardiologie", kind=MailboxKind.ORG)


def make_due(letter):
    letter.deliveries.filter(state=DeliveryState.DEFERRED).update(next_attempt_at=timezone.now())


def process_all():
    drain_spool()


def in_parallel(deed, *arguments):
    """Run ``deed`` once per argument, all at once; what each gave or raised."""
    results, start = [], threading.Barrier(len(arguments))

    def run(argument):
        start.wait(10)
        try:
            results.append(deed(argument))
        except AlreadySentError as error:
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(one,)) for one in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_letter_reaches_the_peer_and_is_accepted(martin_box, dr_martin, make_peer):
    peer = make_peer()
    letter = send(martin_box, dr_martin, files=[("ECG.pdf", "application/pdf", b"%PDF-1.4")])
    drain_peer(PRACTICE_DOMAIN)
    delivery = letter.deliveries.get()
    assert delivery.state == DeliveryState.ACCEPTED
    ((sender, recipients, content, is_tls),) = peer.letters
    assert sender.startswith(f"MAIL FROM:<{martin_box.address}>")
    assert recipients == [f"RCPT TO:<{PETIT}>"]
    assert is_tls
    assert content.replace(b"\r\n..", b"\r\n.") == source_of(letter)


def test_accepted_letter_keeps_the_proof_of_who_took_it(martin_box, dr_martin, make_peer):
    peer = make_peer()
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    delivery = letter.deliveries.get()
    assert f"CN={PRACTICE.host}" in delivery.peer_dn
    assert delivery.peer_host == f"127.0.0.1:{peer.port}"
    assert delivery.tls_version in {"TLSv1.2", "TLSv1.3"}
    assert delivery.whitelist_version is not None
    assert (delivery.smtp_code, delivery.enhanced_code) == (250, "2.0.0")
    assert delivery.accepted_at is not None


def test_4xx_then_2xx_is_delivered_at_the_second_try(martin_box, dr_martin, make_peer):
    make_peer(replies={"RCPT": ["451 4.3.0 later", "250 2.1.5 ok"]})
    letter = send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.smtp_code, delivery.attempts) == ("deferred", 451, 1)
    make_due(letter)
    drain_peer(PRACTICE_DOMAIN)
    delivery = letter.deliveries.get()
    assert (delivery.state, delivery.reason, delivery.attempts) == ("accepted", "", 2)


def test_many_letters_to_a_peer_take_one_connection(martin_box, dr_martin, make_peer):
    peer = make_peer()
    for _ in range(5):
        send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    assert len(peer.letters) == 5
    assert peer.connections == 1
    assert peer.commands[-1].upper() == "QUIT"


def test_letter_to_several_at_one_peer_goes_once(martin_box, dr_martin, make_peer):
    peer = make_peer()
    send(martin_box, dr_martin, to=f"{PETIT}, {ROY}")
    drain_peer(PRACTICE_DOMAIN)
    ((_sender, recipients, _content, _tls),) = peer.letters
    assert recipients == [f"RCPT TO:<{PETIT}>", f"RCPT TO:<{ROY}>"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"accepted"}


def test_ring_for_another_domain_touches_nothing(martin_box, dr_martin, make_peer):
    peer = make_peer()
    send(martin_box, dr_martin)
    drain_peer("labo.mssante.example")
    assert peer.connections == 0
    assert Delivery.objects.get().state == DeliveryState.QUEUED


def test_letter_between_our_boxes_is_delivered_without_a_network(martin_box, dr_martin, cardiology):
    letter = send(martin_box, dr_martin, to=cardiology.address)
    drain_peer(OURS)
    assert letter.deliveries.get().state == DeliveryState.ACCEPTED
    process_all()
    delivery = letter.deliveries.get()
    assert delivery.state == DeliveryState.DELIVERED
    assert delivery.delivered_at is not None
    copy = Message.objects.get(state=MessageState.RECEIVED)
    assert (copy.mailbox, copy.folder_role) == (cardiology, FolderRole.INBOX)
    assert copy.rfc_message_id == letter.rfc_message_id
    assert read_message(copy).text == BODY


def test_second_run_of_the_house_post_deposits_nothing(martin_box, dr_martin, cardiology):
    send(martin_box, dr_martin, to=cardiology.address)
    drain_peer(OURS)
    drain_peer(OURS)
    process_all()
    process_all()
    assert Message.objects.filter(state=MessageState.RECEIVED).count() == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "closed"}, "mailbox_closed"),
        ({"address": "partie@ch-valbrune.mssante.example"}, "unknown_recipient"),
    ],
)
def test_box_of_ours_that_takes_nothing_fails_and_its_sender_is_told(
    martin_box, dr_martin, cardiology, change, reason
):
    letter = send(martin_box, dr_martin, to=f"{cardiology.address}, {martin_box.address}")
    Mailbox.objects.filter(pk=cardiology.pk).update(**change)
    drain_peer(OURS)
    process_all()
    rows = {row.recipient.address: row for row in letter.deliveries.select_related("recipient")}
    failed = rows["cardiologie@ch-valbrune.mssante.example"]
    assert (failed.state, failed.reason) == (DeliveryState.FAILED, reason)
    assert rows[martin_box.address].state == DeliveryState.DELIVERED
    received = Message.objects.filter(state=MessageState.RECEIVED, mailbox=martin_box)
    assert received.count() == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"used_bytes": 5 * 1024**3}, "mailbox_full"),
        ({"status": "suspended"}, "mailbox_suspended"),
    ],
)
def test_box_of_ours_that_cannot_take_it_now_is_tried_again(
    martin_box, dr_martin, cardiology, change, reason
):
    letter = send(martin_box, dr_martin, to=cardiology.address)
    Mailbox.objects.filter(pk=cardiology.pk).update(**change)
    drain_peer(OURS)
    row = letter.deliveries.get()
    assert (row.state, row.reason) == (DeliveryState.DEFERRED, reason)
    Mailbox.objects.filter(pk=cardiology.pk).update(used_bytes=0, status="active")
    letter.deliveries.update(next_attempt_at=row.created_at)
    drain_peer(OURS)
    process_all()
    assert letter.deliveries.get().state == DeliveryState.DELIVERED


def test_each_recipient_has_an_outcome_of_its_own(martin_box, dr_martin, cardiology, make_peer):
    make_peer(replies={"RCPT": ["250 2.1.5 ok", "550 5.1.1 unknown"]})
    letter = send(martin_box, dr_martin, to=f"{cardiology.address}, {PETIT}", cc=ROY)
    drain_peer(OURS)
    drain_peer(PRACTICE_DOMAIN)
    process_all()
    rows = letter.deliveries.select_related("recipient")
    assert {row.recipient.address: row.state for row in rows} == {
        cardiology.address: "delivered",
        PETIT: "accepted",
        ROY: "failed",
    }


def test_retries_follow_the_plan_then_come_hourly(martin_box, dr_martin, make_peer, settings):
    settings.RETRY_PLAN_MINUTES = [1, 5, 15]
    make_peer(replies={"MAIL": ["451 4.3.0 later"]})
    letter = send(martin_box, dr_martin)
    waits = []
    for _ in range(5):
        make_due(letter)
        before = timezone.now()
        drain_peer(PRACTICE_DOMAIN)
        wait = letter.deliveries.get().next_attempt_at - before
        waits.append(wait // timedelta(minutes=1))
    assert waits == [1, 5, 15, 60, 60]
    assert letter.deliveries.get().attempts == 5


def test_letter_that_is_not_due_waits(martin_box, dr_martin, make_peer):
    peer = make_peer(replies={"MAIL": ["451 4.3.0 later", "250 ok"]})
    send(martin_box, dr_martin)
    drain_peer(PRACTICE_DOMAIN)
    drain_peer(PRACTICE_DOMAIN)
    assert Delivery.objects.get().attempts == 1
    assert peer.letters == []


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_clicks_at_once_send_one_letter(martin_box, dr_martin, trust_space):
    draft = write_draft(martin_box, dr_martin, files=[("a.pdf", "application/pdf", b"x")])
    copies = [Message.objects.select_related("mailbox").get(pk=draft.pk) for _ in range(2)]
    results = in_parallel(lambda copy: submit_draft(copy, dr_martin), *copies)
    assert sorted(type(one).__name__ for one in results) == ["AlreadySentError", "Message"]
    letter = Message.objects.get()
    assert letter.deliveries.count() == 1
    assert letter.rfc_message_id.encode() in source_of(letter)
    assert read_message(letter).text == BODY


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_workers_hand_each_letter_over_once(martin_box, dr_martin, make_peer):
    peer = make_peer()
    sent = {send(martin_box, dr_martin).rfc_message_id for _ in range(8)}
    in_parallel(drain_peer, PRACTICE_DOMAIN, PRACTICE_DOMAIN)
    drain_peer(PRACTICE_DOMAIN)
    assert len(peer.letters) == len(sent)
    for message_id in sent:
        assert sum(message_id.encode() in content for _, _, content, _ in peer.letters) == 1
    assert set(Delivery.objects.values_list("state", "attempts")) == {("accepted", 1)}
