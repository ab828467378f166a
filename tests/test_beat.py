"""Beat and the schedule of lesson 05 where something is wrong: what is said, and what comes back."""

import os
import re
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from servers import keep

from workshop import check, paths, project
from workshop.broker import Broker
from workshop.checkkit import Complaint, beat, until
from workshop.checkkit.worker import QUICK_START, Process

SOLUTION = paths.SOLUTIONS / "05-beat"
APP = SimpleNamespace(conf=SimpleNamespace(beat_scheduler="upkeep.beat:OnlyScheduler"))


@pytest.fixture
def folder(tmp_path):
    ignored = shutil.ignore_patterns("data", "__pycache__")
    return shutil.copytree(SOLUTION, tmp_path / "05-beat", ignore=ignored)


@pytest.fixture
def broker():
    with Broker(prefer=None) as broker:
        yield broker


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT / "src"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    for name in ("DJANGO_SETTINGS_MODULE", "REDIS_URL", "CELERY_TIMEZONE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def start(folder):
    """Starts a beat of the project, with every entry due after a second."""
    started = []

    def start(url):
        started.append(beat.Beat(folder))
        place = SimpleNamespace(environment={"REDIS_URL": url})
        started[-1].start(beat.line(folder), APP, place)
        return started[-1]

    yield start
    for process in started:
        process.stop()


def edit(file, old, new):
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def manage(folder, *arguments, **environment):
    run = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        run, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def nothing_checked(folder):
    (broken,) = check.run(project.at(folder))
    return broken["cause"]


def test_a_crontab_that_never_fires_is_said_with_its_line(folder):
    edit(
        folder / "myproject/settings.py",
        "crontab(hour=3, minute=30)",
        "crontab(30, 3, day_of_month=31, month_of_year=2)",
    )
    said = nothing_checked(folder)
    assert re.match(r"myproject/settings\.py:\d+: ValueError: Invalid crontab: .+ never occurs in", said), (
        said
    )


def test_a_wrong_time_zone_is_said(folder, monkeypatch):
    keep(monkeypatch, "CELERY_TIMEZONE", "Mars/Phobos")
    said = "CELERY_TIMEZONE: Mars/Phobos is no time zone; Europe/Berlin is one."
    assert nothing_checked(folder) == said
    assert manage(folder, "check").stderr.strip().endswith(said)


def test_a_task_that_is_not_registered_is_said_by_all(folder, broker, start):
    edit(folder / "myproject/settings.py", '"upkeep.tasks.sweep_task"', '"upkeep.tasks.sweep"')
    said = "CELERY_BEAT_SCHEDULE: 'sweep' sends upkeep.tasks.sweep, and there is no such task."
    assert nothing_checked(folder).startswith(f"{said} A task's name is")
    assert said in manage(folder, "check").stderr
    assert start(broker.url).wait(said)
    worker = Process(folder)
    try:
        command = [sys.executable, "-m", "celery", "-A", "myproject", "worker", "-l", "INFO", *QUICK_START]
        worker.launch([*command, "--concurrency", "1"], os.environ | {"REDIS_URL": broker.url})
        assert until(lambda: said in worker.log, 30), worker.log
    finally:
        worker.stop()


def test_a_beat_without_a_worker_is_said(folder, broker):
    run = manage(folder, "workers", REDIS_URL=broker.url)
    assert run.returncode == 1
    assert "No worker answers." in run.stderr


def test_beat_waits_for_the_broker_and_goes_on_when_it_is_back(broker, start):
    broker.stop()
    process = start(broker.url)
    assert process.wait("The broker does not answer"), process.log
    assert beat.SENDING not in process.log
    broker.start()
    assert process.wait(beat.SENDING), process.log

    said = process.log.count("The broker does not answer")
    broker.kill()
    assert until(lambda: process.log.count("The broker does not answer") > said, 30), process.log
    sent = process.log.count(beat.SENDING)
    broker.start()
    assert until(lambda: process.log.count(beat.SENDING) > sent, 30), process.log
    assert process.log.count("This beat sends now.") == 2


def test_beat_ends_without_a_broker(broker, start):
    process = start(broker.url)
    assert process.wait(beat.SENDING)
    broker.kill()
    process.end()
    assert not process.running
    assert "Traceback" not in process.log.partition("The broker does not answer")[2]


def test_a_beat_that_was_killed_is_replaced(folder, broker, start):
    edit(folder / "upkeep/beat.py", "seconds = 30", "seconds = 3")
    first = start(broker.url)
    assert first.wait(beat.SENDING)
    second = start(broker.url)
    assert second.wait(f"pid {first.pid}")
    os.kill(first.pid, signal.SIGKILL)
    assert second.wait(beat.SENDING), second.log


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("", "starts no beat"),
        ("beat: celery -A myproject beat\nspare: celery -A myproject beat", "more than one beat"),
        ("worker: celery -A myproject worker --beat", "has a beat inside it"),
        ("beat: celery -A myproject beat --detach", "detach itself"),
    ],
)
def test_procfiles_without_one_beat(folder, line, what):
    (folder / "Procfile").write_text(f"web: python manage.py runserver\n{line}\n")
    with pytest.raises(Complaint, match=what):
        beat.line(folder)


@pytest.mark.parametrize("option", ["-s notes", "--schedule notes", "--schedule=notes"])
def test_where_beat_keeps_its_notes(folder, option):
    (folder / "Procfile").write_text(f"beat: celery -A myproject beat {option}\n")
    assert beat.schedule_file(beat.line(folder), APP) == "notes"
