"""Runs the two operators: prepares what is missing, starts six processes, waits until all answer,
writes ``demo.json``, and stops everything together. It knows processes, ports and files; mail is
the processes' business.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from mssante.demo.facts import demo_facts, say_where
from mssante.demo.operators import OPERATORS, SILENT_OPERATORS, Operator
from mssante.demo.pki import ToySpace, build_toy_space, issue_operator, write_whitelist
from mssante.demo.processes import Child, DemoError, check_ports, hold_lock, stop_all
from mssante.env import child_environment

__all__ = ["DemoError", "run"]

CHECKOUT = Path(__file__).resolve().parents[2]
_READY_SECONDS = 90
_WATCH_SECONDS = 0.5


class _Stopped(BaseException):
    """Ctrl-C or SIGTERM: the way out, not an error."""


def run(folder: Path, port_base: int, *, with_parent: bool) -> None:
    """The whole demonstration, until Ctrl-C. Raises ``DemoError`` with a sentence that says what to
    do.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    children: list[Child] = []
    facts = folder / "demo.json"
    parent = os.getppid() if with_parent else None
    with hold_lock(folder):
        folder.chmod(0o700)
        facts.unlink(missing_ok=True)
        try:
            ports = [
                port
                for one in OPERATORS
                for port in (one.web_port(port_base), one.smtp_port(port_base))
            ]
            check_ports(ports, port_base)
            space = _prepare(folder, port_base)
            children = [child for one in OPERATORS for child in _children(folder, one, port_base)]
            _start(children, port_base)
            _write_facts(facts, demo_facts(folder, space, port_base))
            say_where(port_base)
            _watch(children, parent)
        except _Stopped:
            print("\nStopping…", flush=True)
        finally:
            # A second Ctrl-C must not leave half of them running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            stop_all(children)
            facts.unlink(missing_ok=True)


def _stop(_number: int, _frame: object) -> None:
    raise _Stopped


def _prepare(folder: Path, port_base: int) -> ToySpace:
    """Certificates, white list, databases, people: what is there is kept."""
    is_first = not (folder / OPERATORS[0].key / "mail.sqlite3").exists()
    print("Preparing the demonstration…" if is_first else "Starting the demonstration…", flush=True)
    space = build_toy_space(folder / "pki")
    entries = []
    for one in OPERATORS:
        files = issue_operator(
            space,
            key=one.key,
            common_name=one.host,
            organisation=one.organisation,
            structure_id=one.structure_id,
            department=one.department,
        )
        entries.append((one.domain, files.dn, f"Messagerie : {one.name}"))
    entries += [(one.domain, one.dn, one.description) for one in SILENT_OPERATORS]
    write_whitelist(space, entries)
    _write_ca(space)
    _prepare_operators(folder, port_base)
    return space


def _write_ca(space: ToySpace) -> None:
    """The organisations' root and issuing authority in one file, for tools that want one."""
    anchors = sorted((space.anchors / "organisations").glob("*.pem"))
    (space.root / "ca.pem").write_bytes(b"".join(path.read_bytes() for path in anchors))


def _prepare_operators(folder: Path, port_base: int) -> None:
    """Both operators side by side. Raises ``DemoError`` with the words of the one that failed."""
    command = [sys.executable, str(CHECKOUT / "manage.py"), "prepare_demo"]
    started = [
        subprocess.Popen(
            command,
            env=_environment(folder, one, port_base),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for one in OPERATORS
    ]
    try:
        outputs = [process.communicate()[0] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    for process, output in zip(started, outputs, strict=True):
        if process.returncode:
            words = output.decode(errors="replace")
            raise DemoError(
                f"Preparation failed:\n{words}\nIf nothing helps: make reset, then make run."
            )


def _environment(folder: Path, operator: Operator, port_base: int) -> dict[str, str]:
    return child_environment(
        {
            "DJANGO_SETTINGS_MODULE": "mssante.settings.dev",
            "MSSANTE_DEMO_DIR": str(folder),
            "MSSANTE_DEMO_OPERATOR": operator.key,
            "MSSANTE_PORT_BASE": str(port_base),
            "PYTHONUNBUFFERED": "1",
        }
    )


def _children(folder: Path, operator: Operator, port_base: int) -> list[Child]:
    environment = _environment(folder, operator, port_base)
    logs = folder / operator.key / "logs"
    bin_dir = Path(sys.executable).parent
    address = f"127.0.0.1:{operator.web_port(port_base)}"
    web = [
        str(bin_dir / "gunicorn"),
        "mssante.wsgi:application",
        f"--bind={address}",
        "--worker-class=gthread",
        "--threads=8",
        "--graceful-timeout=5",
        f"--worker-tmp-dir={folder / operator.key}",
        "--no-control-socket",
    ]
    smtp = [sys.executable, str(CHECKOUT / "manage.py"), "run_smtpd"]
    # Two threads more than settings.OUTBOUND_SLOTS: letters between our own boxes never wait for a
    # peer that is silent.
    sender = _worker(operator, "sender", "--pool=threads", "--concurrency=22", "--queues=outbound")
    worker = _worker(operator, "worker", "--concurrency=2", "--queues=celery")
    commands = {"web": web, "smtp": smtp, "sender": sender, "worker": worker}
    return [
        Child(f"{operator.key} {name}", command, environment, logs / f"{name}.log")
        for name, command in commands.items()
    ]


def _worker(operator: Operator, name: str, *options: str) -> list[str]:
    return [
        str(Path(sys.executable).parent / "celery"),
        "--app=mssante",
        "worker",
        *options,
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "--loglevel=INFO",
        f"--hostname={operator.key}-{name}@%h",
    ]


def _start(children: Sequence[Child], port_base: int) -> None:
    for child in children:
        child.log.unlink(missing_ok=True)
        child.start()
    deadline = time.monotonic() + _READY_SECONDS
    while not all(_answers(child, port_base) for child in children):
        for child in children:
            if not child.is_alive():
                raise DemoError(f"{child.name} did not start. Its words are in {child.log}")
        if time.monotonic() > deadline:
            raise DemoError("The demonstration did not answer in time. Look into var/demo/*/logs.")
        time.sleep(0.1)


def _answers(child: Child, port_base: int) -> bool:
    key, _, kind = child.name.partition(" ")
    operator = next(one for one in OPERATORS if one.key == key)
    if kind == "web":
        return _web_answers(operator.web_port(port_base))
    if kind == "smtp":
        return _smtp_answers(operator.smtp_port(port_base))
    return child.log.exists() and b" ready." in child.log.read_bytes()


def _web_answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://localhost:{port}/compte/connexion/", timeout=5
        ) as page:
            return bool(page.status == 200)  # noqa: PLR2004
    except (OSError, urllib.error.URLError):
        return False


def _smtp_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


def _write_facts(path: Path, facts: object) -> None:
    """Whole or not at all: a script that waits for the file never reads half of it."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)


def _watch(children: Sequence[Child], parent: int | None) -> None:
    while True:
        time.sleep(_WATCH_SECONDS)
        if parent is not None and os.getppid() != parent:
            return
        for child in children:
            if not child.is_alive():
                print(
                    f"{child.name} stopped by itself; starting it again.",
                    file=sys.stderr,
                    flush=True,
                )
                child.revive()
