"""Settings of an operator under measurement: the demonstration's, and what a benchmark needs
otherwise. ``BENCH_DATABASE_URL`` and ``BENCH_BROKER_URL`` name other servers, ``BENCH_VALUES`` any
other setting as JSON; ``BENCH_LINES`` makes a sender end its line after each letter.
"""

import json

from mssante.env import env_str
from mssante.settings.databases import database_from_url
from mssante.settings.dev import *  # noqa: F403  (As each environment does.)

if _database := env_str("BENCH_DATABASE_URL", ""):
    DATABASES = {"default": database_from_url(_database)}
if _broker := env_str("BENCH_BROKER_URL", ""):
    CELERY_BROKER_URL = _broker
    CELERY_BROKER_TRANSPORT_OPTIONS = {}
globals().update(json.loads(env_str("BENCH_VALUES", "{}")))
if env_str("BENCH_LINES", "kept") == "one letter each":
    INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.one_letter_lines.OneLetterLines"]  # noqa: F405  (From dev.)
