"""Beat and the schedule of lesson 05 when something goes wrong: what they report, and how they recover."""

import dbm
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from check_events import check_events
from files import edit
from projects import PATIENCE, Project, copy_of
from redis import Redis
from servers import keep

from workshop import paths
from workshop.checkkit import Complaint, beat, until
from workshop.checkkit.worker import QUICK_START
from workshop.course import project
from workshop.system.ports import free_port

SOLUTION = paths.SOLUTIONS / "05-beat"
APP = SimpleNamespace(conf=SimpleNamespace(beat_scheduler="upkeep.beat:OnlyScheduler"))


@pytest.fixture
def folder(tmp_path):
    return copy_of(SOLUTION, tmp_path / "05-beat")


@pytest.fixture
def finished(folder, tmp_path):
    """The copy in `folder`, to run its commands."""
    return Project(folder, tmp_path / "data")


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
    """start(url): a beat process of the project that uses this broker. Every entry is due after a second."""
    started = []

    def start(url):
        started.append(beat.Beat(folder))
        place = SimpleNamespace(environment={"REDIS_URL": url})
        started[-1].start(beat.find_service(folder), APP, place)
        return started[-1]

    yield start
    for process in started:
        process.stop()


def nothing_checked(folder):
    """Check the project. Returns the reason why no step could be checked."""
    (broken,) = check_events(project.at(folder))
    return broken.cause


def test_a_crontab_that_never_fires_is_said_with_its_line(folder):
    edit(
        folder / "myproject/settings.py",
        ("crontab(hour=3, minute=30)", "crontab(30, 3, day_of_month=31, month_of_year=2)"),
    )
    said = nothing_checked(folder)
    assert re.match(r"myproject/settings\.py:\d+: ValueError: Invalid crontab: .+ never occurs in", said), (
        said
    )


def test_a_wrong_time_zone_is_said(folder, finished, monkeypatch):
    keep(monkeypatch, "CELERY_TIMEZONE", "Mars/Phobos")
    said = "CELERY_TIMEZONE: Mars/Phobos is not a time zone. Set it to a time zone such as Europe/Berlin."
    assert nothing_checked(folder) == said
    assert finished.manage("check", fails=True, CELERY_TIMEZONE="Mars/Phobos").endswith(said)


def test_a_task_that_is_not_registered_is_said_by_all(folder, finished, broker, start):
    edit(
        folder / "myproject/settings.py",
        ('"task": "upkeep.tasks.sweep_task"', '"task": "upkeep.tasks.sweep"'),
    )
    said = "CELERY_BEAT_SCHEDULE: 'sweep' sends upkeep.tasks.sweep, but there is no such task."
    assert nothing_checked(folder).startswith(f"{said} A task's name is")
    assert said in finished.python("manage.py", "check").stderr
    assert start(broker.url).wait_for(said)
    with finished.celery("worker", "-l", "INFO", "-c", "1", *QUICK_START, REDIS_URL=broker.url) as worker:
        assert worker.wait_for(said, PATIENCE), worker.output


def test_a_beat_without_a_worker_is_said(finished, broker):
    assert "No worker answers." in finished.manage("workers", fails=True, REDIS_URL=broker.url)


def test_a_broker_that_does_not_respond_is_said(finished):
    said = finished.manage("workers", fails=True, REDIS_URL=f"redis://localhost:{free_port()}/0")
    assert said.startswith("CommandError: The broker doesn't respond. Start it, or correct REDIS_URL.")


def test_beat_waits_for_the_broker_and_goes_on_when_it_is_back(broker, start):
    broker.stop()
    process = start(broker.url)
    assert process.wait_for("The broker doesn't respond"), process.log
    assert beat.SENDING not in process.log
    broker.start()
    assert process.wait_for(beat.SENDING), process.log

    said = process.log.count("The broker doesn't respond")
    broker.kill()
    assert until(lambda: process.log.count("The broker doesn't respond") > said, PATIENCE), process.log
    sent = process.log.count(beat.SENDING)
    broker.start()
    assert until(lambda: process.log.count(beat.SENDING) > sent, PATIENCE), process.log
    assert process.log.count("This beat process is now sending tasks.") == 2


def test_beat_ends_without_a_broker(broker, start):
    process = start(broker.url)
    assert process.wait_for(beat.SENDING)
    broker.kill()
    process.terminate()
    assert not process.running
    assert "Traceback" not in process.log.partition("The broker doesn't respond")[2]


def test_beat_ends_even_if_python_ignores_the_exception_of_the_signal_handler(pair):
    process = pair.start()
    pair.takes_part(process)
    (pair.folder / "sigterm").touch()
    assert until(lambda: not process.running, PATIENCE), process.log
    assert "Exception ignored in" in process.log
    assert pair.runs() == 0


ASKED = """
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

from celery.schedules import BaseSchedule


class Asked(BaseSchedule):
    \"\"\"Due when the file `name` appears, until it was sent.\"\"\"

    def __init__(self, name):
        super().__init__()
        self.name = name

    def is_due(self, last_run_at):
        if Path("sigterm").exists():
            GetsSigterm()
        file = Path(self.name)
        due = file.exists() and last_run_at < datetime.fromtimestamp(file.stat().st_mtime, UTC)
        return due, 0.2

    def __eq__(self, other):
        return self.name == other.name

    def __reduce__(self):
        return Asked, (self.name,)


class GetsSigterm:
    def __del__(self):
        Path("sigterm").unlink()
        os.kill(os.getpid(), signal.SIGTERM)
"""
SCHEDULE = """
from asked import Asked

CELERY_BEAT_SCHEDULE = {
    name: {"task": "upkeep.tasks.sweep_task", "schedule": Asked(name)} for name in ("daily", "sign")
}
"""
RUNS = """
import shelve, sys
with shelve.open(sys.argv[1]) as notes:
    print(notes["entries"]["daily"].total_run_count)
"""
SENDS_DAILY, SENDS_SIGN = f"{beat.SENDING} daily", f"{beat.SENDING} sign"


class Pair:
    """Beat processes of one project with one schedule file. A test decides when an entry is due.

    Their lock expires after three seconds.
    """

    def __init__(self, folder, url):
        self.folder, self.url, self.started = folder, url, []
        self.file = folder / "notes" / "schedule"
        self.file.parent.mkdir()
        (folder / "asked.py").write_text(ASKED)
        edit(folder / "upkeep/beat.py", ("seconds = 30", "seconds = 3"))
        settings = folder / "myproject/settings.py"
        settings.write_text(settings.read_text() + SCHEDULE)

    def start(self):
        options = ["--schedule", str(self.file), "--max-interval", "1", "--loglevel", "INFO"]
        command = [sys.executable, "-m", "celery", "-A", "myproject", "beat", *options]
        self.started.append(beat.Beat(self.folder))
        self.started[-1].launch(command, os.environ | {"REDIS_URL": self.url})
        return self.started[-1]

    def ask(self, name):
        """Make the entry of this name due once."""
        (self.folder / name).touch()
        os.utime(self.folder / name, (time.time(), time.time()))

    def runs(self):
        """Return how often `daily` was sent. The schedule file may be in use, so a copy of it is read."""
        copied = shutil.copytree(self.file.parent, self.folder / "copy", dirs_exist_ok=True)
        run = [sys.executable, "-c", RUNS, str(copied / "schedule")]
        found = subprocess.run(run, cwd=self.folder, capture_output=True, text=True, check=False)
        return int(found.stdout) if found.returncode == 0 else found.stderr

    def takes_part(self, process):
        """Wait until the process has sent twice, because it has then checked all entries."""

        def sent_twice():
            self.ask("sign")
            return process.log.count(SENDS_SIGN) >= before + 2

        before = process.log.count(SENDS_SIGN)
        assert until(sent_twice, PATIENCE), process.log


@pytest.fixture
def pair(folder, broker):
    pair = Pair(folder, broker.url)
    yield pair
    for process in pair.started:
        process.stop()


@pytest.fixture
def paused(pair):
    """A paused beat process that had the lock. In the meantime another one sent `daily` and ended."""
    first = pair.start()
    assert until(lambda: pair.runs() == 0, PATIENCE), pair.runs()
    os.kill(first.pid, signal.SIGSTOP)
    second = pair.start()
    pair.takes_part(second)
    pair.ask("daily")
    wait_for(second, SENDS_DAILY)
    second.terminate()
    assert pair.runs() == 1
    return first


def wait_for(process, text):
    assert until(lambda: text in process.log or not process.running, PATIENCE), process.log
    assert text in process.log, process.log


def test_a_paused_beat_does_not_send_again_what_the_other_one_sent(pair, paused):
    os.kill(paused.pid, signal.SIGCONT)
    pair.takes_part(paused)
    assert SENDS_DAILY not in paused.log
    paused.terminate()
    assert pair.runs() == 1


@pytest.mark.parametrize("sees", ["the other one", "SIGTERM"])
def test_a_beat_that_has_lost_its_lock_leaves_the_file_alone(paused, pair, broker, sees):
    """When it is resumed, it first sees either the other process or SIGTERM."""
    Redis.from_url(broker.url).set("lock:beat", "a third one")
    if sees == "SIGTERM":
        os.kill(paused.pid, signal.SIGTERM)
    os.kill(paused.pid, signal.SIGCONT)
    if sees == "the other one":
        wait_for(paused, "another beat process is sending tasks (a third one).")
        os.kill(paused.pid, signal.SIGTERM)
    assert until(lambda: not paused.running, PATIENCE), paused.log
    assert pair.runs() == 1
    assert Redis.from_url(broker.url).get("lock:beat") == b"a third one"


def test_a_beat_that_is_killed_has_written_what_it_sent(pair):
    first = pair.start()
    pair.takes_part(first)
    pair.ask("daily")
    wait_for(first, SENDS_DAILY)
    assert until(lambda: pair.runs() == 1, PATIENCE), pair.runs()
    os.kill(first.pid, signal.SIGKILL)
    second = pair.start()
    pair.takes_part(second)
    assert SENDS_DAILY not in second.log


def cut_value(file):
    with dbm.open(str(file), "w") as notes:
        notes[b"entries"] = notes[b"entries"][:-5]


def empty_value(file):
    with dbm.open(str(file), "w") as notes:
        notes[b"__version__"] = b""


def cut_files(file):
    for each in file.parent.iterdir():
        os.truncate(each, each.stat().st_size // 2)


def other_content(file):
    for each in file.parent.iterdir():
        each.write_bytes(b"\0no schedule\n")


@pytest.mark.parametrize("damage", [cut_value, empty_value, cut_files, other_content])
def test_a_damaged_schedule_file_is_replaced(pair, damage):
    first = pair.start()
    pair.takes_part(first)
    first.terminate()
    damage(pair.file)
    second = pair.start()
    pair.takes_part(second)
    assert f"The schedule file {pair.file} is damaged" in second.log
    assert "Traceback" not in second.log
    second.terminate()
    assert pair.runs() == 0


def test_a_beat_that_was_killed_is_replaced(folder, broker, start):
    edit(folder / "upkeep/beat.py", ("seconds = 30", "seconds = 3"))
    first = start(broker.url)
    assert first.wait_for(beat.SENDING)
    second = start(broker.url)
    assert second.wait_for(f"pid {first.pid}")
    os.kill(first.pid, signal.SIGKILL)
    assert second.wait_for(beat.SENDING), second.log


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("", "doesn't start beat"),
        ("beat: celery -A myproject beat\nspare: celery -A myproject beat", "more than one beat"),
        ("worker: celery -A myproject worker --beat", "runs its own beat"),
        ("beat: celery -A myproject beat --detach", "with --detach"),
    ],
)
def test_procfiles_without_one_beat(folder, line, what):
    (folder / "Procfile").write_text(f"web: python manage.py runserver\n{line}\n")
    with pytest.raises(Complaint, match=what):
        beat.find_service(folder)


@pytest.mark.parametrize("option", ["-s notes", "--schedule notes", "--schedule=notes"])
def test_where_beat_keeps_its_notes(folder, option):
    (folder / "Procfile").write_text(f"beat: celery -A myproject beat {option}\n")
    assert beat.schedule_file(beat.find_service(folder), APP) == "notes"
