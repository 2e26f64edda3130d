"""A whole site of our operator as processes: web, listener, the two workers, started as in life and
watched from outside. It knows command lines, ports and logs; what breaks it is the tests' business.
"""

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from mssante.demo.operators import PRACTICE
from mssante.demo.processes import Child, stop_all
from tests.check.services import die_with_parent, free_port
from tests.factories.people import PASSWORD

START_SECONDS = 60
HOME = "/messages/"
LOGIN = "/compte/connexion/"
WRITE = "/messages/ecrire/"
ALL = ("web", "smtp", "sender", "worker")


class Site:
    """``database`` and ``broker`` empty: SQLite and files. ``prefix``, ``environment``: what each
    process is started under.
    """

    def __init__(
        self, folder, pki, *, database="", broker="", routes=(), environment=(), values=()
    ):
        self.folder, self.state = folder, folder / "state"
        self.state.mkdir(exist_ok=True)
        self.smtp_port, self.web_port = free_port(), free_port()
        facts = {
            "state": str(self.state),
            "pki": str(pki),
            "database": database,
            "broker": broker,
            "smtp_port": self.smtp_port,
            "routes": {domain: ["127.0.0.1", port] for domain, port in dict(routes).items()},
            "values": {"RETRY_PLAN_MINUTES": [0.05], **dict(values)},
        }
        path = folder / "facts.json"
        path.write_text(json.dumps(facts), encoding="utf-8")
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.faults.site_settings",
            "TEST_SITE_FACTS": str(path),
            "PYTHONUNBUFFERED": "1",
            **dict(environment),
        }
        self.children = {}
        self._inside = self._start_inside()

    def start(self, names=ALL):
        for name in names:
            child = Child(name, self._command(name), self._environment, self.log(name))
            child.start()
            self.children[name] = child
        for name in names:
            wait_for(lambda name=name: self._is_ready(name), seconds=START_SECONDS)

    def close(self):
        for child in self.children.values():
            # One that was stopped in its tracks hears no other signal.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGCONT)
        stop_all(list(self.children.values()))
        self._inside.stdin.close()
        self._inside.wait(20)
        self._inside.stdout.close()

    def log(self, name):
        return self.folder / f"{name}.log"

    def said(self, name):
        return self.log(name).read_text(encoding="utf-8", errors="replace")

    def pid(self, name):
        return self.children[name].process.pid

    def signal(self, name, number):
        os.killpg(self.pid(name), number)

    def is_whole(self):
        """Whether every process is still the one that was started."""
        return all(child.is_alive() for child in self.children.values())

    def ask(self, deed, **question):
        self._inside.stdin.write(json.dumps({"do": deed, **question}) + "\n")
        self._inside.stdin.flush()
        answer = json.loads(self._inside.stdout.readline())
        assert "error" not in answer, answer
        return answer["answer"]

    def states(self):
        return [row["state"] for row in self.ask("deliveries")]

    def _start_inside(self):
        with (self.folder / "inside.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.faults.inside"],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  (One prctl call.)
            )

    def _command(self, name):
        programs = Path(sys.executable).parent
        if name == "web":
            return [
                str(programs / "gunicorn"),
                "mssante.wsgi:application",
                f"--bind=127.0.0.1:{self.web_port}",
                "--worker-class=gthread",
                "--threads=8",
                "--graceful-timeout=5",
                "--no-control-socket",
            ]
        if name == "smtp":
            return [sys.executable, "manage.py", "run_smtpd"]
        pool = {
            "sender": ["--pool=threads", "--concurrency=20", "--queues=outbound"],
            "worker": ["--concurrency=2", "--queues=celery"],
        }
        options = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        celery = [str(programs / "celery"), "--app=mssante", "worker", *pool[name], *options]
        return [*celery, "--loglevel=INFO", f"--hostname={name}@%h"]

    def _is_ready(self, name):
        assert self.children[name].is_alive(), self.said(name)
        if name == "web":
            return Browser(self).get(LOGIN)[0] == 200
        return ("event=smtp_listening" if name == "smtp" else " ready.") in self.said(name)


class Browser:
    """A person at the pages; each deed gives status, page and how many seconds it took."""

    def __init__(self, site):
        self._address = f"http://127.0.0.1:{site.web_port}"
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def get(self, path, data=None):
        began = time.monotonic()
        body = urllib.parse.urlencode(data).encode() if data else None
        try:
            with self._opener.open(self._address + path, body, timeout=60) as answer:
                status, page = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, page = error.code, error.read().decode()
            error.close()
        except OSError:
            status, page = 0, ""
        return status, page, time.monotonic() - began

    def log_in(self, username="camille.martin"):
        fields = hidden_fields(self.get(LOGIN)[1])
        status, _, _ = self.get(LOGIN, {**fields, "login": username, "password": PASSWORD})
        assert status == 200
        return self

    def fill_in(self, to, subject="Avis"):
        """The writing page as it is about to be sent."""
        status, page, _ = self.get(WRITE)
        assert status == 200
        text = {"to": to, "subject": subject, "body": "Bonjour."}
        return {**hidden_fields(page), **text}


def hidden_fields(page):
    inputs = re.findall(r'<input type="hidden"[^>]*>', page)
    pairs = [
        (re.search('name="([^"]*)"', one), re.search('value="([^"]*)"', one)) for one in inputs
    ]
    return {name[1]: value[1] if value else "" for name, value in pairs if name}


@contextlib.contextmanager
def running_site(folder, pki, *, names=ALL, **options):
    """A site that answers; nothing of it runs afterwards."""
    site = Site(folder, pki, **options)
    try:
        site.ask("prepare")
        site.start(names)
        yield site
    finally:
        site.close()


def route_to(peer):
    return {PRACTICE.domain: peer.port}


def wait_for(question, *, seconds):
    """Ask until the answer is true; fails when it never is."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)
    return answer
