"""The command that shows what a reader would make of a letter: any bytes, no table."""

import io
import json
import sys
from types import SimpleNamespace

import pytest
from django.core.management import call_command

from tests.mime.letters import corpus


@pytest.fixture
def inspect(monkeypatch):
    def run(raw: bytes, *options: str) -> str:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
        output = io.StringIO()
        call_command("inspect_message", *options, stdout=output)
        return output.getvalue()

    return run


def test_facts_of_a_letter_are_one_json_object(inspect):
    facts = json.loads(inspect(corpus("inline-picture"), "--json"))
    assert facts["subject"] == "Logo"
    assert facts["from"] == [{"name": "Dr Martin", "address": "dr.martin@cabinet.example"}]
    assert facts["date"] == "2026-03-02T08:15:00+00:00"
    assert facts["message_id"] == "inline@cabinet.example"
    assert facts["text"] == "Bonjour en texte"
    assert "data:image/png" in facts["html_sanitised"]
    assert facts["blocked_images"] == 1
    (item,) = facts["attachments"]
    assert item["name"] == "logo.png"
    assert item["inline"] is True
    assert len(item["sha256"]) == 64


@pytest.mark.parametrize("raw", [b"", b"\x00\xff", b"Subject: \xe9\n\n<", b"\xff" * 1_000])
def test_any_bytes_give_facts(inspect, raw):
    facts = json.loads(inspect(raw, "--json"))
    assert facts["date"] is None
    assert "missing-date" in facts["defects"]


def test_without_option_the_letter_is_readable(inspect):
    shown = inspect(corpus("no-disposition"))
    assert "from: Dr Martin <dr.martin@cabinet.example>" in shown
    assert "attachment: IHE_XDM.ZIP (application/zip, 22 bytes)" in shown
    assert "Deux fichiers." in shown
