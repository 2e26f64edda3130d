"""The command of an administrator: counts when it works, a sentence and a word when it does not."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from directory.management.commands.load_whitelist import EXPLANATIONS
from directory.trust.whitelist import WhitelistFault, active_version
from mssante.demo.pki import sign_whitelist

pytestmark = pytest.mark.django_db(databases="__all__")


def run(*args):
    out = StringIO()
    call_command("load_whitelist", *args, stdout=out)
    return out.getvalue()


def test_source_is_loaded_by_default(in_toy_space):
    said = run()
    assert f"White list {active_version()} is active: 2 entries, 2 domains" in said
    assert "mssante.example" not in said


def test_named_file_is_loaded(in_toy_space, tmp_path):
    entries = [("a.mssante.example", "CN=a", "")]
    file = tmp_path / "list.xml"
    file.write_bytes(sign_whitelist(in_toy_space, entries, datetime.now(UTC)))
    assert "1 entries, 1 domains" in run(str(file))


def test_refusal_is_a_sentence_and_a_word(in_toy_space, tmp_path):
    with pytest.raises(CommandError, match=r"cannot be read\. \[unreadable\]"):
        run(str(tmp_path / "nowhere.xml"))
    run()
    old = tmp_path / "old.xml"
    earlier = datetime.now(UTC) - timedelta(days=400)
    old.write_bytes(sign_whitelist(in_toy_space, [("a.mssante.example", "CN=a", "")], earlier))
    with pytest.raises(CommandError, match=r"older than the active one\. \[rollback\]"):
        run(str(old))


def test_every_refusal_of_a_load_has_its_sentence():
    assert set(EXPLANATIONS) == set(WhitelistFault) - {WhitelistFault.MISSING, WhitelistFault.STALE}
