"""A run of the checks: forked processes, and reports in the order of the steps."""

import contextlib
import os
import signal
from dataclasses import replace

import psutil
import pytest
from files import edit
from projects import ALWAYS_PNG, NOT_UPRIGHT, copy_of

from workshop import paths
from workshop.checkkit.worker import READY, Worker
from workshop.checks import pytest_process, runner
from workshop.checks.events import (
    Broken,
    Checked,
    CheckStarted,
    Collected,
    Finished,
    PartDone,
    Skipped,
    WorkerReady,
)
from workshop.checks.runner import EventSorter
from workshop.course import lessons, project
from workshop.runtime.broker import Broker
from workshop.runtime.forked_process import SOCKET_VARIABLE, Fork, ForkServer
from workshop.system.waiting import until


@pytest.fixture
def fork(forks, tmp_path):
    """fork(): a process that waits until `run` says what to do. Its output is in `log`."""
    started = []

    def make(group=0):
        with (tmp_path / "log").open("wb") as output:
            started.append(Fork(forks.socket, output.fileno(), group))
        return started[-1]

    yield make
    for each in started:
        each.kill()


def checks_of(tmp_path, code):
    """Return the arguments of `Fork.run` that let pytest run this code."""
    (tmp_path / "test_it.py").write_text(code)
    environment = {"PATH": os.environ["PATH"], "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return "pytest", ["-q", "-p", "no:cacheprovider", "test_it.py"], tmp_path, environment


def test_a_fork_runs_in_its_folder_with_its_variables_alone(fork, tmp_path):
    """For example without PYTHONUNBUFFERED, which the server itself has."""
    code = (
        "import os\ndef test_it():\n    assert os.environ.get('PYTHONUNBUFFERED') == os.environ.get('MINE')"
    )
    program, arguments, folder, environment = checks_of(tmp_path, code)
    process = fork()
    process.run(program, arguments, folder, environment)
    assert process.wait(60) == 0, (tmp_path / "log").read_text()
    process = fork()
    process.run(program, arguments, folder, environment | {"MINE": "1"})
    assert process.wait(60) == 1, (tmp_path / "log").read_text()


def test_a_fork_without_a_word_ends_with_its_owner(fork):
    process = fork()
    assert process.running
    process._program.close()
    assert process.wait(60) == 0


def test_what_is_in_its_group_ends_with_a_fork(fork):
    leader = fork()
    member = fork(group=leader.pid)
    assert os.getpgid(member.pid) == leader.pid
    os.kill(leader.pid, signal.SIGKILL)
    assert leader.wait(60) == member.wait(60) == -signal.SIGKILL


def test_a_fork_of_a_server_that_has_ended_is_over(tmp_path):
    with ForkServer() as server, (tmp_path / "log").open("wb") as output:
        server._process.kill()
        server._process.wait()
        with contextlib.suppress(OSError):  # the socket, or the pipe behind it, says so
            process = Fork(server.socket, output.fileno())
            assert process.wait(60) is not None


def test_a_fork_can_be_ended_although_its_server_has_ended(tmp_path):
    with ForkServer() as server, (tmp_path / "log").open("wb") as output:
        process = Fork(server.socket, output.fileno())
        process.run("python", ["import time; print('runs'); time.sleep(600)"], tmp_path, dict(os.environ))
        assert until(lambda: "runs" in (tmp_path / "log").read_text(), 60)
        running = psutil.Process(process.pid)
        server._process.kill()
        server._process.wait()
        process.kill()
        assert psutil.wait_procs([running], 60)[0], "it runs on"


def test_a_server_ends_with_its_owner():
    server = ForkServer()
    process = psutil.Process(server._process.pid)
    server._process.terminate()
    assert server._process.wait(60) == 0
    assert not process.is_running()
    server.close()


def test_events_come_in_the_order_of_the_parts():
    sorter, found = EventSorter(), []
    for event in (
        Collected(parts=["1", "2", "3"]),
        CheckStarted(part="2", about="b"),
        WorkerReady(seconds=1),
        PartDone(part="2"),
        CheckStarted(part="3", about="c"),
        CheckStarted(part="1", about="a"),
        PartDone(part="1"),
        CheckStarted(part="3", about="d"),
        PartDone(part="3"),
    ):
        found += sorter.put(event)
    assert [getattr(each, "about", type(each)) for each in found] == [
        Collected,
        WorkerReady,
        "a",
        "b",
        "c",
        "d",
    ]


def test_what_came_before_the_order_was_known_is_said_with_it():
    sorter, found = EventSorter(), []
    found += sorter.put(CheckStarted(part="1", about="a"))
    assert not found
    found += sorter.put(Collected(parts=["1"]))
    assert list(map(type, found)) == [Collected, CheckStarted]


def solved(name, tmp_path):
    """A copy of a lesson's solution."""
    lesson = lessons.find(name)
    return project.Project(copy_of(lesson.solution, tmp_path / lesson.name), lesson)


def events_of(mine, forks, processes, monkeypatch, everything=False):
    monkeypatch.setattr(runner, "PROCESSES", processes)
    with runner.Run(mine, everything=everything, forks=forks) as started:
        return list(started.events()), len(started._processes)


def told(events):
    """Return what a report shows, without what differs from run to run."""
    kinds = (Collected, Checked, Skipped, Broken, Finished)
    return [
        (type(each), *(getattr(each, name, None) for name in ("step", "about", "passed")))
        for each in events
        if isinstance(each, kinds)
    ]


@pytest.mark.parametrize("broken", [False, True], ids=["solved", "with mistakes"])
@pytest.mark.parametrize("everything", [False, True], ids=["until one fails", "everything"])
def test_several_processes_report_what_one_reports(tmp_path, forks, monkeypatch, broken, everything):
    mine = solved("01", tmp_path)
    if broken:
        edit(mine.folder / "images/resizing.py", NOT_UPRIGHT, ALWAYS_PNG)
    one, _ = events_of(mine, forks, 1, monkeypatch, everything)
    several, processes = events_of(mine, forks, 3, monkeypatch, everything)
    assert processes == 3
    assert told(several) == told(one)
    assert any(isinstance(each, Checked) and not each.passed for each in one) == broken


CHECK = """
import pytest
pytestmark = [{marks}]
def test_it():
    assert {passes}
"""


@pytest.mark.parametrize("everything", [False, True], ids=["until one fails", "everything"])
def test_a_long_step_that_fails_hides_no_failure_before_it(tmp_path, forks, monkeypatch, everything):
    """A process that runs the long step first then runs only the steps before it."""
    mine, checks = solved("01", tmp_path), tmp_path / "checks"
    core = [replace(step, optional=False) for step in mine.lesson.steps]  # an optional one ends no run
    mine = project.Project(mine.folder, replace(mine.lesson, steps=core))
    checks.mkdir()
    long = "pytest.mark.long"
    for step, marks, passes in (
        ("1.1", "", True),
        ("1.2", "", False),
        ("1.3", long, False),
        ("1.4", "", True),
    ):
        marks = f"pytest.mark.step('{step}'), {marks}"
        (checks / f"test_{step[-1]}.py").write_text(CHECK.format(marks=marks, passes=passes))
    arguments = [*pytest_process._arguments(mine.lesson, None)[:-1], str(checks)]
    monkeypatch.setattr(pytest_process, "_arguments", lambda *_: arguments)
    monkeypatch.setattr(runner, "PROCESSES", 1)
    with runner.Run(mine, everything=everything, forks=forks) as started:
        started._processes = [started._new_process(long_first=True)]
        started._processes[0].start()
        found = [event for _, event in started._unsorted_events() if isinstance(event, Checked)]
    steps = ["1.3", "1.1", "1.2", "1.4"] if everything else ["1.3", "1.1", "1.2"]
    assert [(each.step, each.passed) for each in found] == [(step, step in ("1.1", "1.4")) for step in steps]


def test_a_project_that_cannot_start_is_said_once(tmp_path, forks, monkeypatch):
    mine = solved("01", tmp_path)
    edit(mine.folder / "myproject/settings.py", ("USE_TZ = True", "USE_TZ = Ture"))
    events, _ = events_of(mine, forks, 2, monkeypatch)
    assert list(map(type, events)) == [Broken]


def test_a_process_that_exits_early_is_reported_in_the_order_of_the_steps(tmp_path, forks, monkeypatch):
    """Its step is the last one, so the steps before it are reported first."""
    mine = solved("01", tmp_path)
    edit(mine.folder / "images/views.py", ("photos = form.save()", "import os; os._exit(3)"))
    events, _ = events_of(mine, forks, 3, monkeypatch, everything=True)
    steps = list(dict.fromkeys(each.step for each in events if isinstance(each, Checked)))
    assert steps[:3] == ["1.1", "1.2", "1.3"]
    assert isinstance(events[-1], Broken)
    assert "exited with code 3" in events[-1].cause


def test_a_database_is_migrated_once_for_the_same_migrations(tmp_path, monkeypatch):
    with ForkServer() as server:
        mine = solved("01", tmp_path)
        templates = server.folder.glob
        events_of(mine, server, 2, monkeypatch)
        assert len(list(templates("*.sqlite3"))) == 1
        edit(mine.folder / "images/views.py", ("import time", "import time  # as it was"))
        events_of(mine, server, 1, monkeypatch)
        assert len(list(templates("*.sqlite3"))) == 1
        with (mine.folder / "images/models.py").open("a") as file:
            file.write("\n# changed\n")
        events, _ = events_of(mine, server, 1, monkeypatch)
        assert len(list(templates("*.sqlite3"))) == 2
        assert all(each.passed for each in events if isinstance(each, Checked))
    assert not server.folder.exists()


def test_each_process_has_its_own_broker(forks):
    mine = project.at(paths.SOLUTIONS / "02-celery-basics")
    with runner.Run(mine, forks=forks) as started:
        other = started._new_process()
        first = started._processes[0]
        names = ("REDIS_URL", "DATA_DIR")
        assert all(first._environment[name] != other._environment[name] for name in names)


def test_nothing_of_a_shared_server_stays_but_itself(forks):
    server = psutil.Process(forks._process.pid)
    with runner.Run(project.at(paths.SOLUTIONS / "03-images"), forks=forks) as started:
        for event in started.events():
            if isinstance(event, Checked):
                break
        assert len(server.children(recursive=True)) > 1, "the checks and their worker"
    assert until(lambda: not server.children(recursive=True), 60)


@pytest.mark.parametrize("later", [False, True])
def test_only_a_start_that_a_check_waited_for_is_timed(later, tmp_path, forks, monkeypatch):
    """If a check waits only later, the start would seem longer than it was."""
    found = []
    with Broker(prefer=None) as broker:
        door = str(forks.socket.fileno())
        for name, value in {
            "DATA_DIR": str(tmp_path),
            "REDIS_URL": broker.url,
            SOCKET_VARIABLE: door,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(
            os, "getpgrp", lambda: 0
        )  # of the server's session: the worker leads a group there
        worker = Worker(paths.SOLUTIONS / "02-celery-basics", found.append)
        worker.start()
        try:
            assert not later or until(lambda: READY in worker.log, 60)
            worker.wait_ready()
        finally:
            worker.stop()
    assert [seconds > 0 for seconds in found] == ([] if later else [True])
