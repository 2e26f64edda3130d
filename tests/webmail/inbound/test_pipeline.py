"""One message through the worker: done, again later, or set aside; never lost, never twice."""

import errno
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts.audit.models import AuditEvent
from tests.factories.letters import MARTIN, make_letter
from tests.factories.people import make_mailbox
from tests.factories.spooled import make_delivery, make_due, process, spool
from webmail.inbound import deposit, pipeline
from webmail.inbound.files import read_spooled
from webmail.inbound.pipeline import process_due
from webmail.mime.parse import parse_message
from webmail.models import Blob, DeliveryState, InboundMessage, Message, SpoolState

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def _all_in_files(settings):
    settings.INLINE_BYTES = -1


@pytest.fixture
def petit_box(dr_petit):
    return make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)


class Trouble(Exception):  # noqa: N818  (What it is, in one word.)
    pass


def failing(function, *, times, calls=None):
    """``function`` that raises at its first calls."""
    left = [times]

    def call(*args, **kwargs):
        if calls is not None:
            calls.append(args)
        if left[0]:
            left[0] -= 1
            raise Trouble("ce sujet est secret")
        return function(*args, **kwargs)

    return call


def run(inbound):
    process(inbound.pk)
    inbound.refresh_from_db()
    return inbound


def test_done_message_lies_in_its_box_and_no_longer_in_the_spool(
    martin_box, spool_folder, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        inbound = run(spool(martin_box))
    assert (inbound.state, inbound.attempts, inbound.lease_token) == (SpoolState.DONE, 1, "")
    recipient = inbound.recipients.get()
    assert recipient.deposited_at is not None
    assert Message.objects.count() == 1
    assert list(spool_folder.iterdir()) == []
    assert inbound.content == b""


def test_done_message_is_not_processed_again(martin_box):
    inbound = run(spool(martin_box))
    assert run(inbound).attempts == 1
    process(inbound.pk + 1000)


def test_message_that_is_not_due_waits(martin_box):
    inbound = spool(martin_box)
    InboundMessage.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=5))
    assert run(inbound).attempts == 0


def test_failed_attempt_is_made_again_later(martin_box, monkeypatch):
    monkeypatch.setattr(pipeline, "parse_message", failing(parse_message, times=1))
    inbound = run(spool(martin_box))
    assert (inbound.state, inbound.problem) == (SpoolState.WAITING, "Trouble")
    assert inbound.next_attempt_at > timezone.now()
    assert run(inbound).attempts == 1
    assert run(make_due(inbound)).state == SpoolState.DONE
    assert Message.objects.count() == 1


def test_poisonous_message_is_set_aside_and_stays_readable(
    martin_box, monkeypatch, settings, caplog
):
    monkeypatch.setattr(pipeline, "parse_message", failing(parse_message, times=99))
    raw = make_letter()
    inbound = spool(martin_box, raw=raw)
    for _ in range(settings.SPOOL_POISON_LIMIT):
        assert inbound.state != SpoolState.SET_ASIDE
        run(make_due(inbound))
    assert (inbound.state, inbound.problem) == (SpoolState.SET_ASIDE, "Trouble")
    assert inbound.attempts == settings.SPOOL_POISON_LIMIT
    assert read_spooled(inbound) == raw
    assert AuditEvent.objects.filter(event="inbound:message:set_aside").count() == 1
    assert run(make_due(inbound)).attempts == settings.SPOOL_POISON_LIMIT
    assert not Message.objects.exists()
    assert "secret" not in caplog.text


def test_damaged_file_is_set_aside_and_not_deposited_in_part(martin_box, spool_folder, settings):
    inbound = spool(martin_box)
    path = spool_folder / inbound.name
    path.write_bytes(path.read_bytes()[:-5])
    for _ in range(settings.SPOOL_POISON_LIMIT):
        run(make_due(inbound))
    assert (inbound.state, inbound.problem) == (SpoolState.SET_ASIDE, "DamagedContentError")
    assert not Message.objects.exists()
    assert path.exists()


def test_lease_of_a_living_worker_is_respected(martin_box):
    inbound = spool(martin_box)
    until = timezone.now() + timedelta(seconds=5)
    InboundMessage.objects.update(state=SpoolState.PROCESSING, lease_until=until, lease_token="x")
    assert run(inbound).attempts == 0
    assert not Message.objects.exists()


def test_message_of_a_dead_worker_is_taken_up(martin_box):
    inbound = spool(martin_box)
    until = timezone.now() - timedelta(seconds=1)
    InboundMessage.objects.update(
        state=SpoolState.PROCESSING, lease_until=until, lease_token="x", attempts=1
    )
    assert run(inbound).state == SpoolState.DONE
    assert Message.objects.count() == 1


def test_message_its_workers_die_on_is_set_aside(martin_box, settings):
    inbound = spool(martin_box)
    InboundMessage.objects.update(
        state=SpoolState.PROCESSING,
        lease_until=timezone.now() - timedelta(seconds=1),
        lease_token="x",
        attempts=settings.SPOOL_POISON_LIMIT,
    )
    assert run(inbound).state == SpoolState.SET_ASIDE
    assert inbound.problem == "WorkerDied"
    assert read_spooled(inbound)


def test_worker_that_lost_its_lease_leaves_row_and_file_to_the_other(
    martin_box, monkeypatch, spool_folder
):
    prepare = deposit.prepare_copies
    taken = []

    def prepare_and_lose(copies):
        InboundMessage.objects.update(lease_token="another worker's")
        taken.append(copies)
        return prepare(copies)

    monkeypatch.setattr(pipeline, "prepare_copies", prepare_and_lose)
    inbound = run(spool(martin_box))
    assert taken
    assert (inbound.state, inbound.lease_token) == (SpoolState.PROCESSING, "another worker's")
    assert (spool_folder / inbound.name).exists()
    assert not Message.objects.exists()
    assert not Blob.objects.exists()


@pytest.mark.parametrize("moment", ["prepare_copies", "write_copies", "_finish"])
def test_crash_at_any_moment_leaves_nothing_and_the_next_run_all_of_it(
    martin_box, petit_box, monkeypatch, moment
):
    whole = getattr(pipeline, moment)

    def crashing(*args):
        whole(*args)
        raise Trouble

    monkeypatch.setattr(pipeline, moment, crashing)
    inbound = run(spool(martin_box, petit_box))
    assert inbound.state == SpoolState.WAITING
    assert not Message.objects.exists()
    monkeypatch.setattr(pipeline, moment, whole)
    assert run(make_due(inbound)).state == SpoolState.DONE
    for box in (martin_box, petit_box):
        box.refresh_from_db()
        assert (box.unread, Message.objects.filter(mailbox=box).count()) == (1, 1)


def batch_sizes(monkeypatch):
    """How many messages each transaction takes, as they come."""
    sizes: list[int] = []
    whole = pipeline._deposit

    def noted(claimed):
        sizes.append(len(claimed))
        whole(claimed)

    monkeypatch.setattr(pipeline, "_deposit", noted)
    return sizes


def numbered(number, **headers):
    return make_letter(message_id=f"{number}@x.example", **headers)


def test_letters_that_wait_are_deposited_together(martin_box, petit_box, monkeypatch):
    sizes = batch_sizes(monkeypatch)
    for number in range(30):
        spool(martin_box, petit_box, raw=numbered(number))
    process_due()
    assert sizes == [25, 5]
    assert Message.objects.count() == 60
    assert set(InboundMessage.objects.values_list("state", "lease_token")) == {("done", "")}
    martin_box.refresh_from_db()
    assert (
        martin_box.unread,
        AuditEvent.objects.filter(event="mailbox:message:deposited").count(),
    ) == (30, 60)


def test_big_letters_are_not_taken_many_at_once(martin_box, monkeypatch):
    monkeypatch.setattr(pipeline, "_MOST_BYTES_AT_ONCE", 5000)
    for number in range(3):
        spool(martin_box, raw=numbered(number, text="x" * 70 + "\n" * 3000))
    sizes = batch_sizes(monkeypatch)
    process_due()
    assert sizes == [1, 1, 1]


def test_poison_among_many_hurts_itself_alone(martin_box, monkeypatch, settings):
    def picky(raw):
        if b"POISON" in raw:
            raise Trouble
        return parse_message(raw)

    monkeypatch.setattr(pipeline, "parse_message", picky)
    for number in range(5):
        spool(martin_box, raw=numbered(number))
    poison = spool(martin_box, raw=make_letter(text="POISON"))
    for number in range(5, 9):
        spool(martin_box, raw=numbered(number))
    process_due()
    assert Message.objects.count() == 9
    for _ in range(settings.SPOOL_POISON_LIMIT - 1):
        make_due(poison)
        process_due()
    poison.refresh_from_db()
    assert (poison.state, poison.attempts) == (SpoolState.SET_ASIDE, settings.SPOOL_POISON_LIMIT)


def test_twenty_letters_are_deposited_while_one_of_them_is_poison_and_only_it_is_tried_again(
    martin_box, monkeypatch
):
    def picky(raw):
        if b"POISON" in raw:
            raise Trouble
        return parse_message(raw)

    monkeypatch.setattr(pipeline, "parse_message", picky)
    rows = [
        spool(martin_box, raw=numbered(number, text="POISON" if number == 7 else "bon"))
        for number in range(20)
    ]
    process_due()
    for number, row in enumerate(rows):
        row.refresh_from_db()
        expected = SpoolState.WAITING if number == 7 else SpoolState.DONE
        assert (row.state, row.attempts) == (expected, 1), number
    assert Message.objects.count() == 19
    # What comes later is not held up by it.
    spool(martin_box, raw=numbered(99))
    process_due()
    assert Message.objects.count() == 20


def test_batch_whose_lease_was_lost_leaves_everything_to_the_other(
    martin_box, monkeypatch, spool_folder
):
    rows = [spool(martin_box, raw=numbered(number)) for number in range(3)]
    write = deposit.write_copies

    def write_and_lose(batch):
        InboundMessage.objects.filter(pk=rows[1].pk).update(lease_token="another worker's")
        return write(batch)

    monkeypatch.setattr(pipeline, "write_copies", write_and_lose)
    pipeline._process(pipeline._claim([row.pk for row in rows]))
    for row in rows:
        row.refresh_from_db()
    # Only what is still ours is done; the other is neither deposited nor touched.
    assert [row.state for row in rows] == ["done", "processing", "done"]
    assert (rows[1].lease_token, rows[1].problem) == ("another worker's", "")
    assert {one.rfc_message_id for one in Message.objects.all()} == {"0@x.example", "2@x.example"}
    assert (spool_folder / rows[1].name).exists()


def test_letters_to_many_boxes_are_not_taken_many_at_once(martin_box, petit_box, monkeypatch):
    """Every copy is encrypted for itself: a batch is bounded by all of them."""
    raw = numbered(0, text="x" * 2000)
    limit = (len(raw) + pipeline._OVERHEAD + 10) * 3
    monkeypatch.setattr(pipeline, "_MOST_BYTES_AT_ONCE", limit)
    for number in range(3):
        spool(martin_box, petit_box, raw=numbered(number, text="x" * 2000))
    for number in range(3, 7):
        spool(martin_box, raw=numbered(number, text="x" * 2000))
    sizes = batch_sizes(monkeypatch)
    process_due()
    assert sizes == [1, 1, 2, 3]


NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("error", [NO_ROOM, OperationalError("locked"), InterfaceError("closed")])
def test_trouble_of_the_house_is_no_fault_of_the_letter(martin_box, monkeypatch, settings, error):
    """However often: it waits, is not set aside, and goes its way when the trouble is over."""

    def fails(_copies):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "prepare_copies", fails)
        inbound = spool(martin_box)
        for _ in range(settings.SPOOL_POISON_LIMIT + 2):
            run(make_due(inbound))
            assert (inbound.state, inbound.attempts) == (SpoolState.WAITING, 0)
            assert inbound.problem == type(error).__name__
    assert run(make_due(inbound)).state == SpoolState.DONE


@pytest.mark.parametrize("error", [NO_ROOM, OperationalError("too many variables")])
def test_trouble_that_lasts_for_a_day_is_looked_at_by_a_person(
    martin_box, monkeypatch, settings, error
):
    def fails(_copies):
        raise error

    monkeypatch.setattr(pipeline, "prepare_copies", fails)
    inbound = spool(martin_box)
    InboundMessage.objects.update(received_at=timezone.now() - timedelta(days=1, minutes=1))
    for _ in range(settings.SPOOL_POISON_LIMIT):
        run(make_due(inbound))
    assert inbound.state == SpoolState.SET_ASIDE


def test_file_that_is_gone_is_no_trouble_of_the_house(martin_box, spool_folder, settings):
    inbound = spool(martin_box)
    (spool_folder / inbound.name).unlink()
    for _ in range(settings.SPOOL_POISON_LIMIT):
        run(make_due(inbound))
    assert (inbound.state, inbound.problem) == (SpoolState.SET_ASIDE, "FileNotFoundError")


def test_what_may_have_killed_a_worker_is_taken_alone(martin_box):
    rows = [spool(martin_box, raw=numbered(number)) for number in range(3)]
    InboundMessage.objects.filter(pk=rows[1].pk).update(attempts=1)
    batches = []
    while batch := pipeline._next_due():
        batches.append(batch)
        pipeline._process(pipeline._claim(batch))
    assert batches == [[rows[0].pk], [rows[1].pk], [rows[2].pk]]


def test_two_copies_and_an_answer_that_come_together_are_one_letter_and_one_conversation(
    martin_box,
):
    raw = numbered(1)
    spool(martin_box, raw=raw)
    spool(martin_box, raw=raw)
    spool(martin_box, raw=numbered(2, In_Reply_To="<1@x.example>"))
    process_due()
    first, answer = Message.objects.order_by("pk")
    assert first.thread == answer.thread
    martin_box.refresh_from_db()
    assert martin_box.unread == 2
    assert InboundMessage.objects.filter(state=SpoolState.DONE).count() == 3


def test_letter_from_our_own_house_tells_its_delivery(martin_box, petit_box):
    delivery = make_delivery(petit_box, MARTIN)
    inbound = run(spool(martin_box, peer_dn="", delivery=delivery))
    assert inbound.state == SpoolState.DONE
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DELIVERED
    assert Message.objects.get(mailbox=martin_box).peer == ""
