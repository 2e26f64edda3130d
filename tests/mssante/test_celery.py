"""The bell: tasks are found, hold ids only, and the sweep survives whatever a round does."""

import inspect
import logging
import resource
import threading

import pytest
from celery.signals import (
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

import directory.tasks
import webmail.inbound.tasks
import webmail.outbound.automatic
import webmail.outbound.tasks
from mssante import celery
from webmail.outbound import lines
from webmail.outbound.closing import closing
from webmail.outbound.lines import open_up

OUTBOX = (webmail.outbound.tasks, "sweep_outbox")
AUTOMATIC = (webmail.outbound.automatic, "sweep_automatic")
SPOOL = (webmail.inbound.tasks, "sweep_spool")
DOMAINS = (directory.tasks, "sweep_trusted_domains")


@pytest.fixture
def rounds(monkeypatch, settings):
    """Every round of the sweep, noted; the sweeper is stopped whatever happens."""
    settings.SWEEP_SECONDS = 0.01
    monkeypatch.setattr(celery, "close_old_connections", lambda: None)
    noted, enough = [], threading.Event()

    def stand_in(name, *, fails):
        def sweep():
            noted.append(name)
            if noted.count("sweep_trusted_domains") >= 3:
                enough.set()
            if fails:
                raise ValueError("PLANTED")

        sweep.__name__ = name
        return sweep

    def arrange(*failing):
        for module, name in (OUTBOX, AUTOMATIC, SPOOL, DOMAINS):
            monkeypatch.setattr(module, name, stand_in(name, fails=name in failing))
        return noted, enough

    yield arrange
    celery._stop.set()
    open_up()
    for thread in threading.enumerate():
        if thread.name == "sweeper":
            thread.join(10)


def test_every_task_of_the_house_is_found():
    celery.app.loader.import_default_modules()
    ours = {name for name in celery.app.tasks if not name.startswith("celery.")}
    assert ours == {
        "webmail.drain_peer",
        "webmail.drain_spool",
        "directory.tasks.refresh_trusted_domains",
    }


def test_arguments_of_tasks_are_ids_and_domains():
    celery.app.loader.import_default_modules()
    arguments = {
        name: [one.annotation for one in inspect.signature(task.run).parameters.values()]
        for name, task in celery.app.tasks.items()
        if name.startswith("webmail.")
    }
    assert arguments == {"webmail.drain_peer": [str], "webmail.drain_spool": []}


def test_only_json_crosses_the_broker_and_a_lost_worker_gives_its_task_back():
    assert list(celery.app.conf.accept_content) == ["json"]
    assert celery.app.conf.task_serializer == "json"
    assert celery.app.conf.task_acks_late
    assert celery.app.conf.task_ignore_result


def test_sending_has_a_queue_of_its_own():
    """What waits for a peer must not stand before what comes in."""
    route = celery.app.amqp.router.route
    queues = {
        name: route({}, name)["queue"].name
        for name in ("webmail.drain_peer", "webmail.drain_spool")
    }
    assert queues == {"webmail.drain_peer": "outbound", "webmail.drain_spool": "celery"}
    assert set(celery.app.amqp.queues) == {"celery", "outbound"}


def test_worker_that_is_told_to_end_begins_nothing_new_and_one_that_starts_does(rounds):
    rounds()
    worker_shutting_down.send(sender=None)
    assert closing.is_set()
    assert "last call" in [one.name for one in threading.enumerate()]
    worker_ready.send(sender=None)
    assert not closing.is_set()


def test_worker_that_ended_says_goodbye_on_every_line(monkeypatch):
    ages = []
    monkeypatch.setattr(lines, "close_idle_lines", lambda *, older_than: ages.append(older_than))
    worker_shutdown.send(sender=None)
    assert ages == [0]


def test_forked_process_keeps_no_line(monkeypatch):
    # The bound of memory is for a worker's child, not for the process of the tests.
    monkeypatch.setattr(resource, "setrlimit", lambda *_args: None)
    try:
        worker_process_init.send(sender=None)
        assert lines._must_not_keep.is_set()
    finally:
        lines._must_not_keep.clear()


def test_worker_sweeps_from_its_start_to_its_end(rounds):
    noted, enough = rounds()
    worker_ready.send(sender=None)
    assert enough.wait(10)
    worker_shutting_down.send(sender=None)
    for thread in threading.enumerate():
        if thread.name == "sweeper":
            thread.join(10)
    assert "sweeper" not in [one.name for one in threading.enumerate()]
    assert noted[:4] == [
        "sweep_outbox",
        "sweep_automatic",
        "sweep_spool",
        "sweep_trusted_domains",
    ]


def test_round_that_fails_stops_neither_the_others_nor_the_next_one(rounds, caplog):
    noted, enough = rounds("sweep_outbox", "sweep_spool")
    with caplog.at_level(logging.ERROR):
        worker_ready.send(sender=None)
        assert enough.wait(10)
    assert noted.count("sweep_outbox") >= 3
    assert "event=sweep_failed sweep=sweep_outbox error=ValueError" in caplog.text
    assert "PLANTED" not in caplog.text


def test_what_a_process_may_hold_is_bounded(monkeypatch, settings):
    bounds = []
    settings.WORKER_MEMORY_BYTES = 7
    monkeypatch.setattr(resource, "setrlimit", lambda *args: bounds.append(args))
    try:
        worker_process_init.send(sender=None)
    finally:
        lines._must_not_keep.clear()
    assert bounds == [(resource.RLIMIT_DATA, (7, 7))]


def test_worker_keeps_our_own_logging():
    handlers = list(logging.getLogger().handlers)
    celery.app.log.setup()
    assert logging.getLogger().handlers == handlers
