"""A spool of each test's own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def spool_folder(settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"
    return Path(settings.SPOOL_DIR)
