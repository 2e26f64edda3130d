"""The processes of the demonstration: each operator has its own, and sending has threads."""

import pytest
from django.conf import settings

from mssante.demo import supervisor
from mssante.demo.operators import DEFAULT_PORT_BASE, OPERATORS


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """name → the words of its command."""
    monkeypatch.setattr(supervisor, "child_environment", dict)
    operator = OPERATORS[0]
    children = supervisor._children(tmp_path, operator, DEFAULT_PORT_BASE)
    return {child.name.removeprefix(f"{operator.key} "): list(child.command) for child in children}


def option(words, name):
    (value,) = (word.partition("=")[2] for word in words if word.startswith(f"--{name}="))
    return value


def test_each_operator_has_pages_a_listener_and_two_workers(commands):
    assert list(commands) == ["web", "smtp", "sender", "worker"]


def test_every_queue_is_served_by_one_worker(commands):
    served = [option(commands[name], "queues") for name in ("sender", "worker")]
    assert sorted(served) == sorted(queue.name for queue in settings.CELERY_TASK_QUEUES)
    assert option(commands["sender"], "queues") == "outbound"


def test_silent_peers_never_hold_every_thread(commands):
    assert option(commands["sender"], "pool") == "threads"
    assert int(option(commands["sender"], "concurrency")) > settings.OUTBOUND_SLOTS


def test_workers_of_one_machine_have_names_of_their_own(commands):
    names = {option(commands[name], "hostname") for name in ("sender", "worker")}
    assert len(names) == 2
