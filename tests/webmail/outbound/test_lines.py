"""Lines are kept between two tasks, each for its own domain, and none longer than it is of use."""

import threading
from typing import Any

import pytest

from webmail.outbound import lines
from webmail.outbound.closing import closing
from webmail.outbound.lines import close_down, close_idle_lines, open_up
from webmail.outbound.replies import TransportError

LABO, OTHER = "labo.mssante.example", "autre.mssante.example"

# The lines here are stand-ins, which the types of the product do not know.
borrowed_line: Any = lines.borrowed_line


class Line:
    """What a line is to those who keep it."""

    def __init__(self, domain):
        self.domain = domain
        self.given_up = None
        self.is_open = False
        self.is_answering = False
        self.idle_since = 0.0
        self.farewells = []
        self.was_cut = threading.Event()

    def close(self, *, waits=True):
        self.is_open = False
        self.farewells.append(waits)

    def cut(self):
        self.was_cut.set()


@pytest.fixture(autouse=True)
def clock(monkeypatch, settings):
    settings.LINE_IDLE_SECONDS = 20
    monkeypatch.setattr(lines, "PeerLine", Line)
    now = [1000.0]
    monkeypatch.setattr("webmail.outbound.lines.time.monotonic", lambda: now[0])
    yield now
    open_up()
    close_idle_lines(older_than=0)
    lines._must_not_keep.clear()


def use(domain):
    with borrowed_line(domain) as line:
        line.is_open = True
        line.is_answering = True
    return line


def test_line_is_kept_for_the_next_task_and_begins_its_run_anew():
    first = use(LABO)
    assert first.farewells == []
    with borrowed_line(LABO) as line:
        assert line is first
        assert not line.is_answering


def test_no_line_is_lent_to_another_domain():
    first = use(LABO)
    assert use(OTHER) is not first
    assert {domain: len(kept) for domain, kept in lines._idle.items()} == {LABO: 1, OTHER: 1}


def test_two_at_once_have_two_lines_and_the_one_used_last_is_taken_first():
    with borrowed_line(LABO) as first, borrowed_line(LABO) as second:
        assert first is not second
        first.is_open = second.is_open = True
    with borrowed_line(LABO) as line:
        assert line is first, "it came back last"


@pytest.mark.parametrize("seconds", [19.9, 20])
def test_line_that_stood_idle_for_long_is_closed_without_waiting(clock, seconds):
    line = use(LABO)
    clock[0] += seconds
    close_idle_lines()
    assert line.farewells == ([False] if seconds == 20 else [])
    assert bool(lines._idle) == (seconds < 20)


def test_line_in_use_is_not_closed_as_idle(clock):
    use(LABO)
    with borrowed_line(LABO) as line:
        clock[0] += 1000
        close_idle_lines()
        assert line.farewells == []


def test_line_of_a_peer_that_was_given_up_is_not_kept():
    with borrowed_line(LABO) as line:
        line.is_open = True
        line.given_up = TransportError("timeout")
    assert line.farewells == [True]
    assert not lines._idle


def test_line_that_is_down_or_was_never_opened_is_not_kept():
    with borrowed_line(LABO) as line:
        pass
    assert not lines._idle
    assert use(LABO) is not line


def test_line_of_a_run_that_failed_is_not_kept():
    def fail():
        with borrowed_line(LABO) as line:
            found.append(line)
            line.is_open = True
            raise LookupError

    found: list[Line] = []
    with pytest.raises(LookupError):
        fail()
    assert found[0].farewells == [True]
    assert not lines._idle
    assert not lines._busy


def test_no_line_is_kept_where_settings_forbid_it(settings):
    settings.LINE_IDLE_SECONDS = 0
    assert use(LABO).farewells == [True]


def test_no_line_is_kept_where_nobody_would_close_it():
    lines.keep_no_lines()
    assert use(LABO).farewells == [True]


def test_process_that_ends_keeps_no_line_and_cuts_who_still_waits(monkeypatch):
    monkeypatch.setattr(lines, "_LAST_SECONDS", 0.05)
    idle = use(LABO)
    with borrowed_line(OTHER) as busy:
        busy.is_open = True
        close_down()
        assert closing.is_set()
        assert busy.was_cut.wait(10)
    assert busy.farewells == [True]
    assert idle.farewells == []
    close_idle_lines(older_than=0)
    assert idle.farewells == [False]
    assert not idle.was_cut.is_set()


def test_process_that_goes_on_cuts_nobody(monkeypatch):
    with borrowed_line(LABO) as line:
        close_down()
        open_up()
        for thread in threading.enumerate():
            if thread.name == "last call":
                thread.join(10)
        assert not line.was_cut.is_set()
    assert not closing.is_set()


def test_threads_never_share_a_line():
    start, together = threading.Barrier(8), threading.Lock()
    in_use: set[int] = set()
    clashes = []

    def work():
        start.wait(10)
        for _ in range(200):
            with borrowed_line(LABO) as line:
                with together:
                    if id(line) in in_use:
                        clashes.append(line)
                    in_use.add(id(line))
                line.is_open = True
                with together:
                    in_use.discard(id(line))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert clashes == []
    assert not lines._busy
    assert len(lines._idle[LABO]) <= 8
