"""Settings of a worker that a test starts: the tests' own, and the values of that one test, read
from the file that ``TEST_WORKER_FACTS`` names.
"""

import json
from pathlib import Path

from mssante.env import env_path
from mssante.settings.test import *  # noqa: F403  (As each environment does.)
from mssante.settings.test import DATABASES

_facts = json.loads(env_path("TEST_WORKER_FACTS").read_text(encoding="utf-8"))
for _alias, _name in _facts["databases"].items():
    DATABASES[_alias]["NAME"] = _name
globals().update(_facts["values"])
globals().update({name: Path(value) for name, value in _facts["paths"].items()})
# JSON has no tuples, and a route is compared as one.
MAIL_ROUTES = {domain: tuple(host) for domain, host in _facts["values"]["MAIL_ROUTES"].items()}
