"""Many conversations, one commit: all of them are told the truth, each about its own letter."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection

from tests.factories.letters import make_letter
from tests.factories.people import make_mailbox
from webmail.inbound import bell, committer, spool
from webmail.inbound.committer import Committer, CommitterStoppedError
from webmail.inbound.files import SpoolFile, read_spooled
from webmail.inbound.spool import Handover, Origin, SpoolRecipient
from webmail.models import InboundMessage, Mailbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True, params=["file", "row"])
def _where_it_lies(request, settings):
    settings.INLINE_BYTES = -1 if request.param == "file" else 64 * 1024


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    bells: list[str] = []
    monkeypatch.setattr(bell, "ring_spool", lambda: bells.append("ding"))
    return bells


@pytest.fixture
def room():
    committer = Committer()
    yield committer
    committer.stop()


def handover(mailbox, raw=None, *, sender="hugo.petit@cabinet-tilleuls.mssante.example"):
    file = SpoolFile()
    file.write(raw or make_letter())
    return Handover(file, Origin(envelope_from=sender), [SpoolRecipient(mailbox)])


@pytest.fixture
def held(monkeypatch):
    """Commits wait for ``go_on``; ``sizes`` says how many letters each of them had."""
    commit = spool.commit_all

    class Held:
        entered, go_on = threading.Event(), threading.Event()
        sizes: list[int] = []

    def held_commit(handovers):
        Held.sizes.append(len(handovers))
        Held.entered.set()
        assert Held.go_on.wait(10)
        return commit(handovers)

    monkeypatch.setattr(committer, "commit_all", held_commit)
    yield Held
    Held.go_on.set()


def failing(times, error):
    """``commit_all`` that fails at its first calls, before anything is written."""
    commit, left = spool.commit_all, [times]

    def fails(handovers):
        if left[0]:
            left[0] -= 1
            raise error
        return commit(handovers)

    return fails


def files_in(folder):
    return list(folder.iterdir()) if folder.exists() else []


def test_letter_that_comes_alone_waits_for_nobody(room, martin_box):
    raw = make_letter()
    room.hand_over(handover(martin_box, raw)).result(10)
    assert read_spooled(InboundMessage.objects.get()) == raw


def test_letters_that_wait_are_committed_together_and_in_their_order(room, martin_box, held):
    first = room.hand_over(handover(martin_box))
    assert held.entered.wait(10)
    letters = [make_letter(message_id=f"{number}@x.example") for number in range(60)]
    others = [room.hand_over(handover(martin_box, raw)) for raw in letters]
    assert not first.done()
    held.go_on.set()
    for done in (first, *others):
        assert done.result(10) is None
    assert held.sizes == [1, 50, 10]
    stored = [read_spooled(one) for one in InboundMessage.objects.order_by("pk")]
    assert stored[1:] == letters


def test_one_letter_that_cannot_be_kept_fails_alone(room, martin_box, dr_petit, held, spool_folder):
    gone = make_mailbox("hugo.petit", "Dr Hugo Petit", holder=dr_petit)
    first = room.hand_over(handover(martin_box))
    assert held.entered.wait(10)
    good = [room.hand_over(handover(martin_box)) for _ in range(3)]
    bad = room.hand_over(handover(gone))
    good += [room.hand_over(handover(martin_box)) for _ in range(3)]
    # Its box is closed for good between the recipient's 250 and the commit. PostgreSQL and SQLite
    # say so at the commit itself.
    Mailbox.objects.get(pk=gone.pk).delete()
    held.go_on.set()
    for done in (first, *good):
        done.result(10)
    with pytest.raises(IntegrityError):
        bad.result(10)
    assert InboundMessage.objects.count() == 7
    assert len(files_in(spool_folder)) in {0, 7}


def test_letter_of_a_batch_that_nobody_foresaw_fails_alone(room, martin_box, held, monkeypatch):
    whole = spool._row

    def picky(one, now):
        if one.origin.envelope_from == "surprise@x.example":
            raise ValueError("surprise")
        return whole(one, now)

    monkeypatch.setattr(spool, "_row", picky)
    first = room.hand_over(handover(martin_box))
    assert held.entered.wait(10)
    bad = room.hand_over(handover(martin_box, sender="surprise@x.example"))
    good = room.hand_over(handover(martin_box))
    held.go_on.set()
    first.result(10)
    good.result(10)
    with pytest.raises(ValueError, match="surprise"):
        bad.result(10)
    assert InboundMessage.objects.count() == 2


@pytest.mark.parametrize(
    "error", [OperationalError("down"), InterfaceError("closed"), OSError(5, "EIO")]
)
def test_trouble_of_the_house_is_told_to_all_at_once_and_leaves_no_file(
    room, martin_box, held, monkeypatch, spool_folder, rung, error
):
    first = room.hand_over(handover(martin_box))
    assert held.entered.wait(10)
    calls = []

    def down(handovers):
        calls.append(len(handovers))
        for one in handovers:
            one.file.seal()
        raise error

    monkeypatch.setattr(committer, "commit_all", down)
    others = [room.hand_over(handover(martin_box)) for _ in range(5)]
    held.go_on.set()
    first.result(10)
    for done in others:
        with pytest.raises(type(error)):
            done.result(10)
    assert sum(calls) == 5  # Not one by one: each would wait for the database again.
    assert InboundMessage.objects.count() == 1
    assert len(files_in(spool_folder)) in {0, 1}


def test_database_that_is_away_piles_up_no_files(room, martin_box, monkeypatch, spool_folder):
    """Nobody can ask it whether a row holds the file, and nobody has to: it never came so far."""

    def away(**_fields):
        raise OperationalError("down")

    monkeypatch.setattr(spool, "_write_rows", lambda _handovers: away())
    monkeypatch.setattr(InboundMessage.objects, "filter", away)
    with pytest.raises(OperationalError):
        room.receive(handover(martin_box)).result(10)
    assert files_in(spool_folder) == []


def test_file_of_a_commit_whose_answer_was_lost_stays(room, martin_box, monkeypatch, spool_folder):
    write = spool._write_rows

    def lost(handovers):
        write(handovers)
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(spool, "_write_rows", lost)
    with pytest.raises(OperationalError):
        room.hand_over(handover(martin_box)).result(10)
    assert read_spooled(InboundMessage.objects.get()) == make_letter()


def test_thread_survives_anything(room, martin_box, monkeypatch):
    for error in (DatabaseError("x"), MemoryError(), RuntimeError("x"), OperationalError("x")):
        with monkeypatch.context() as patched:
            patched.setattr(committer, "commit_all", failing(1, error))
            with pytest.raises(type(error)):
                room.hand_over(handover(martin_box)).result(10)
    with monkeypatch.context() as patched:
        patched.setattr(committer, "close_old_connections", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            room.hand_over(handover(martin_box)).result(10)
    room.hand_over(handover(martin_box)).result(10)


def test_what_was_handed_over_before_the_stop_is_committed(martin_box, held, rung):
    room = Committer()
    handed = [room.hand_over(handover(martin_box)) for _ in range(5)]
    assert held.entered.wait(10)
    stopping = threading.Thread(target=room.stop)
    stopping.start()
    held.go_on.set()
    stopping.join(10)
    assert all(done.done() and done.exception() is None for done in handed)
    assert InboundMessage.objects.count() == 5
    assert rung


def test_nothing_is_taken_after_the_stop(martin_box, spool_folder):
    room = Committer()
    room.stop()
    with pytest.raises(CommitterStoppedError):
        room.receive(handover(martin_box))
    assert not InboundMessage.objects.exists()
    assert files_in(spool_folder) == []


def test_disk_that_does_not_sync_leaves_no_file(room, martin_box, monkeypatch, spool_folder):
    def broken(_self):
        _self._opened()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(SpoolFile, "seal", broken)
    with pytest.raises(OSError, match="Input/output"):
        room.receive(handover(martin_box))
    assert files_in(spool_folder) == []


def test_letter_whose_conversation_went_away_is_committed_all_the_same(room, martin_box, held):
    done = room.hand_over(handover(martin_box))
    assert held.entered.wait(10)
    assert not done.cancel()
    held.go_on.set()
    done.result(10)
    assert InboundMessage.objects.count() == 1


def test_many_hands_at_once_lose_nothing(room, martin_box):
    errors: list[BaseException] = []

    def work(number):
        try:
            for turn in range(5):
                raw = make_letter(message_id=f"{number}.{turn}@x.example")
                room.receive(handover(martin_box, raw)).result(20)
        except BaseException as error:  # noqa: BLE001  (Told to the test by its list.)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert InboundMessage.objects.count() == 40


# The bell


def test_broker_that_does_not_answer_holds_up_no_letter(room, martin_box, monkeypatch):
    entered, answer = threading.Event(), threading.Event()

    def silent():
        entered.set()
        assert answer.wait(20)

    monkeypatch.setattr(bell, "ring_spool", silent)
    for _ in range(3):
        room.hand_over(handover(martin_box)).result(10)
    assert entered.wait(10)
    answer.set()


def test_many_letters_need_few_rings(room, martin_box, rung, monkeypatch):
    monkeypatch.setattr(bell, "_PAUSE_SECONDS", 60)
    for _ in range(10):
        room.hand_over(handover(martin_box)).result(10)
    room.stop()
    assert 1 <= len(rung) <= 2


def test_stop_does_not_wait_for_a_silent_broker(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(bell, "ring_spool", lambda: release.wait(20))
    monkeypatch.setattr(bell, "_GOODBYE_SECONDS", 0.01)
    silent = bell.Bell()
    silent.ring()
    silent.stop()
    release.set()
    silent._thread.join(10)
