"""Into the house: a row and a durable file together, or neither."""

import pytest
from django.db import IntegrityError, OperationalError, transaction

from accounts.audit.models import AuditEvent
from tests.factories.letters import make_letter
from tests.factories.spooled import PEER_DN, spool
from webmail.inbound import spool as room
from webmail.inbound.files import SpoolFile, read_spooled
from webmail.inbound.spool import Origin, SpoolRecipient, commit_to_spool, prepare_content
from webmail.models import InboundMessage, SpoolState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, params=["file", "row"])
def _where_it_lies(request, settings):
    settings.INLINE_BYTES = -1 if request.param == "file" else 64 * 1024


@pytest.fixture
def rung(monkeypatch):
    bells: list[str] = []
    monkeypatch.setattr(room, "ring_spool", lambda: bells.append("ding"))
    return bells


def files_in(folder):
    return list(folder.iterdir()) if folder.exists() else []


def test_row_and_file_tell_the_whole_story(martin_box):
    raw = make_letter()
    inbound = spool(martin_box, raw=raw)
    assert read_spooled(inbound) == raw
    assert (inbound.state, inbound.size, inbound.peer_dn) == (
        SpoolState.WAITING,
        len(raw),
        PEER_DN,
    )
    assert [one.mailbox for one in inbound.recipients.all()] == [martin_box]
    detail = AuditEvent.objects.get(event="inbound:message:accepted").detail
    assert detail["domain"] == "cabinet-tilleuls.mssante.example"
    assert "hugo" not in str(detail)


def test_bell_rings_once_it_is_committed_and_not_before(
    martin_box, rung, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        spool(martin_box)
        assert rung == []
    assert rung == ["ding"]


@pytest.mark.parametrize("error", [OperationalError, IntegrityError, ValueError])
def test_failed_commit_leaves_neither_row_nor_file(martin_box, monkeypatch, spool_folder, error):
    def fails(*_args, **_kwargs):
        raise error("no")

    monkeypatch.setattr(room, "record_events", fails)
    with pytest.raises(error):
        spool(martin_box)
    assert not InboundMessage.objects.exists()
    assert files_in(spool_folder) == []


def test_same_box_twice_is_an_error_and_leaves_nothing(martin_box, spool_folder):
    with pytest.raises(IntegrityError), transaction.atomic():
        spool(martin_box, martin_box)
    assert not InboundMessage.objects.exists()
    assert files_in(spool_folder) == []


def test_patient_s_address_is_masked_in_the_row(martin_box, settings):
    (domain,) = settings.PATIENT_DOMAINS
    inbound = spool(martin_box, envelope_from=f"290027512345678@{domain}")
    assert inbound.envelope_from == f"***@{domain}"


def test_content_that_cannot_be_written_leaves_no_file(martin_box, monkeypatch, spool_folder):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SpoolFile, "write", full)
    with pytest.raises(OSError, match="No space"):
        prepare_content(b"lettre")
    assert files_in(spool_folder) == []


def test_file_is_sealed_before_its_row_is_written(martin_box, monkeypatch):
    order: list[str] = []
    seal, write_rows = SpoolFile.seal, room._write_rows

    def noted_seal(self):
        seal(self)
        order.append("sealed")

    def noted_rows(*args):
        order.append("rows")
        return write_rows(*args)

    monkeypatch.setattr(SpoolFile, "seal", noted_seal)
    monkeypatch.setattr(room, "_write_rows", noted_rows)
    file = SpoolFile()
    file.write(make_letter())
    commit_to_spool(file, Origin(envelope_from=""), [SpoolRecipient(martin_box)])
    assert order == ["sealed", "rows"]
