"""The house has one direction. The linter's contracts hold, and they would notice a breach."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.architecture.sources import APPS, ROOT

# The linter's own entry point, in a process of its own: it reads the project where it stands.
_LINT = "import sys; from importlinter.cli import lint_imports_command as run; run()"


def lint(folder):
    environment = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "-c", _LINT, "--no-cache"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def copy_of_the_house(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for app in APPS:
        shutil.copytree(
            ROOT / app, tmp_path / app, ignore=shutil.ignore_patterns("__pycache__", "locale")
        )
    return tmp_path


def test_contracts_hold():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("directory/models.py", "import accounts.models", "The house has one direction"),
        ("webmail/mailbox/queries.py", "import webmail.outbound.drafts", "Floors of webmail"),
        ("webmail/web/rows.py", "import webmail.models", "Pages never touch tables"),
        ("webmail/mime/text.py", "import django.conf", "mime is pure"),
        ("webmail/portal/home.py", "import webmail.web.shell", "Floors of webmail"),
        ("accounts/keyring.py", "import accounts.models", "Floors of accounts"),
        ("directory/trust/xml.py", "import directory.tasks", "Floors of directory"),
        ("webmail/cellar.py", "", "Floors of webmail"),
    ],
)
def test_planted_breach_is_caught(copy_of_the_house, file, line, contract):
    """The last one is a new room that nobody has put on a floor."""
    path = copy_of_the_house / file
    path.write_text(f"{path.read_text() if path.exists() else ''}\n{line}\n", encoding="utf-8")
    result = lint(copy_of_the_house)
    assert result.returncode != 0, result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [*contract.split(), "BROKEN"] in lines, result.stdout
