"""A real worker on a real bell and database: the embedded default, or PostgreSQL and Redis where
``TEST_DATABASE_URL`` and ``TEST_BROKER_URL`` say so. And the private servers that provide them.
"""

import socket
import subprocess

import pytest
from kombu.exceptions import OperationalError

from mssante.demo.operators import PRACTICE
from tests.check.services import private_postgres, private_redis
from tests.factories.letters import MARTIN, PETIT, make_letter
from tests.peers.worker import processes_of, running_worker, wait_until
from webmail.mailbox.reading import subject_of
from webmail.models import DeliveryState, Message
from webmail.outbound.drafts import DraftText, UploadedPart, attach_files, create_draft
from webmail.outbound.submit import submit_draft
from webmail.outbound.tasks import drain_peer

pytestmark = pytest.mark.peer
on_rows = pytest.mark.django_db(transaction=True, databases="__all__")

SECONDS = 10  # Far below the next sweep of a worker that has none.


def send(mailbox, actor):
    draft = create_draft(mailbox, actor, DraftText(to=PETIT, subject="Avis", body="Bonjour."))
    attach_files(draft, [UploadedPart("ECG.pdf", "application/pdf", b"%PDF-1.4 contenu")])
    return submit_draft(draft, actor)


@on_rows
def test_bell_alone_brings_a_letter_to_the_peer(
    settings, tmp_path, martin_box, dr_martin, make_peer
):
    peer = make_peer()
    with running_worker(settings, tmp_path) as log:
        letter = send(martin_box, dr_martin)
        delivery = letter.deliveries.get()
        wait_until(lambda: _state(delivery) == DeliveryState.ACCEPTED, seconds=SECONDS, log=log)
    ((_, recipients, content, is_tls),) = peer.letters
    assert recipients == [f"RCPT TO:<{PETIT}>"]
    assert letter.rfc_message_id.encode() in content
    assert is_tls


@on_rows
def test_bell_alone_brings_a_letter_of_a_peer_into_the_box(
    settings, tmp_path, martin_box, practice
):
    with running_worker(settings, tmp_path) as log:
        practice.sendmail(PETIT, [MARTIN], make_letter(subject="Résultats confidentiels"))
        wait_until(Message.objects.exists, seconds=SECONDS, log=log)
    assert subject_of(Message.objects.get()) == "Résultats confidentiels"
    said = log.read_text(encoding="utf-8")
    assert "confidentiels" not in said
    assert "@ch-valbrune" not in said


@on_rows
def test_letter_whose_bell_was_lost_is_found_by_the_sweep(
    settings, tmp_path, monkeypatch, martin_box, dr_martin, make_peer
):
    def silent(*_args, **_options):
        raise OperationalError

    peer = make_peer()
    monkeypatch.setattr(drain_peer, "apply_async", silent)
    letter = send(martin_box, dr_martin)
    with running_worker(settings, tmp_path, sweep_seconds=0.2) as log:
        delivery = letter.deliveries.get()
        wait_until(lambda: _state(delivery) == DeliveryState.ACCEPTED, seconds=SECONDS, log=log)
    assert delivery.domain == PRACTICE.domain
    assert len(peer.letters) == 1


def _state(delivery):
    delivery.refresh_from_db(fields=["state"])
    return delivery.state


@pytest.mark.parametrize("fails", [False, True])
def test_private_servers_answer_and_leave_nothing_behind(fails):
    folders, ports = [], []

    class BrokenTestError(Exception):
        pass

    def work():
        with private_postgres() as postgres, private_redis() as redis:
            folders.append(postgres.folder)
            ports.extend([postgres.port, redis.port])
            question = ["psql", "--tuples-only", "--command=SELECT 6 * 7", postgres.url("postgres")]
            answer = subprocess.run(question, capture_output=True, text=True, check=True)
            assert answer.stdout.strip() == "42"
            assert processes_of(postgres.folder)
            if fails:
                raise BrokenTestError

    if fails:
        with pytest.raises(BrokenTestError):
            work()
    else:
        work()
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert not folders[0].exists()
    assert not processes_of(folders[0])
