"""Which lines of a process's start are printed: all of the first start, and only news of the later ones."""

from datetime import datetime

import pytest
from honcho.printer import Message

from workshop.runtime.startup_output import Startup

BANNER = ["-- 2026-11-28 20:22:22", "app: myproject:0x7f13bfa93350", "", "[tasks]"]
LATER = ["-- 2026-11-28 20:30:01", "app: myproject:0x7f5420dc5d50", "", "[tasks]"]
TRACEBACK = ["Traceback (most recent call last):", '  File "tasks.py", line 1', "ValueError: no"]


@pytest.fixture
def printed():
    return []


@pytest.fixture
def startup(printed):
    return Startup(lambda message: printed.append(message.data.decode()))


def write(startup, lines):
    for line in lines:
        startup.line(Message("line", line.encode(), datetime.now(), "worker", None))


def start_again(startup, printed, lines):
    printed.clear()
    startup.hold()
    write(startup, lines)


def test_the_banner_is_printed_once(startup, printed):
    startup.hold()
    write(startup, BANNER)
    assert printed == BANNER
    assert startup.complete() == ""
    start_again(startup, printed, LATER)
    assert startup.complete() == ""
    assert printed == []
    write(startup, ["received"])
    assert printed == ["received"]


@pytest.mark.parametrize(
    "line", ["tasks.py:3: UserWarning: look here", "WARNING: a word of your own", "print"]
)
def test_news_are_printed_at_each_start(startup, printed, line):
    write(startup, BANNER)
    startup.complete()
    for _ in range(2):
        start_again(startup, printed, [*LATER, line])
        startup.complete()
        assert printed == [line]


def test_warnings_of_the_first_start_are_remembered(startup, printed):
    warning = "tasks.py:3: UserWarning: look here"
    write(startup, [*BANNER, warning])
    startup.complete()
    start_again(startup, printed, [*LATER, warning])
    assert startup.complete() == " · same warnings"
    start_again(startup, printed, LATER)
    assert startup.complete() == ""


def test_a_traceback_is_never_kept_back(startup, printed):
    write(startup, [*BANNER, *TRACEBACK])  # nothing that stops it
    startup.complete()
    start_again(startup, printed, [*LATER, *TRACEBACK, "[tasks]"])
    startup.complete()
    assert printed == [*TRACEBACK, "[tasks]"]


def test_a_start_that_failed_twice_in_the_same_way_is_printed_twice(startup, printed):
    write(startup, TRACEBACK)
    startup.release(everything=True)
    write(startup, BANNER)
    startup.complete()
    start_again(startup, printed, [*LATER, *TRACEBACK])
    startup.release(everything=True)
    assert printed == TRACEBACK


def test_what_a_failed_start_says_without_a_traceback_is_printed_whole(startup, printed):
    write(startup, BANNER)
    startup.complete()
    start_again(startup, printed, [*LATER, "Error: no", "", "Try 'celery --help'"])
    startup.release(everything=True)
    assert printed == ["Error: no", "", "Try 'celery --help'"]
