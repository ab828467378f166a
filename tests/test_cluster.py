"""`./workshop cluster` with real servers and workers: what it prints, and that it leaves nothing behind."""

import contextlib
import os
import re
import signal
import tempfile
from pathlib import Path

import psutil
import pytest
from printed_text import in_one_line
from processes import command_line
from projects import copy_of
from workshop_process import PATIENCE, Up

from benchmarks import startup
from workshop import paths
from workshop.cluster import command, host, limits, simulation
from workshop.errors import WorkshopError
from workshop.runtime import temporary_servers
from workshop.system.child import Child
from workshop.system.waiting import until

ELSEWHERE = {"REDIS_URL": "redis://localhost:1/0", "DATABASE_URL": "postgres://nobody@localhost:1/x"}
"""The shell's settings, which the command must not use."""
SMALL = ("--workers", "2", "--quick", "--photos", "10")


class Cluster(Up):
    """`cluster` as a real process. All its files are in `folder`."""

    def __init__(self, folder, *options):
        folder.mkdir()
        folder.chmod(0o755)  # root's run gives a folder in it to the user postgres
        self.folder = folder
        variables = startup.environment(paths.ROOT) | ELSEWHERE | {"TMPDIR": str(folder)}
        command = startup.workshop("cluster", *options)
        self.process = Child(command, folder=paths.ROOT, environment=variables)

    @property
    def said(self):
        return self.process.output

    def everything(self):
        """Return all its processes: a host's TMPDIR is in its folder, and so is PostgreSQL's data."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                known = [*process.cmdline(), process.environ().get("TMPDIR", "")]
                if any(str(self.folder) in each for each in known):
                    found.append(process)
        return found


@pytest.fixture
def folder():
    """A folder that PostgreSQL can read. pytest's temporary folders are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def start(folder):
    """start(*options): `cluster` as a real process. It is stopped after the test."""
    runs = []

    def start(*options):
        runs.append(Cluster(folder / "tmp", *options))
        return runs[-1]

    yield start
    for run in runs:
        for process in run.everything():
            process.kill()
        run.process.stop()


def assert_nothing_left(run):
    assert run.everything() == []
    assert list(run.folder.iterdir()) == []


def test_nothing_is_lost_and_nothing_is_left(start):
    run = start(*SMALL)
    assert until(lambda: "Its unfinished messages:" in run.said or not run.process.running, PATIENCE), (
        run.said
    )
    if temporary_servers.postgres_program("initdb"):
        assert any("postgres" in process.name() for process in run.everything()), (
            "or the last line is for free"
        )
    code = run.process.wait(PATIENCE)
    said = in_one_line(run.said)
    assert code == 0, run.said
    assert "Uploaded 10 photos through the site. The hosts resized all of them:" in said
    assert re.search(r"host1 \d+, host2 \d+ ", said)
    assert sum(map(int, re.search(r"host1 (\d+), host2 (\d+) ", said).groups())) == 10
    assert re.search(
        r"Killed host2 with kill -9. Its unfinished messages: [1-5]. Photos resized so far: \d of 10.", said
    )
    assert re.search(r"After \d+\.\d s, 10 of 10 photos are resized. Lost: 0.", said)
    assert "The hosts' own data folders contain 0 photos." in said
    assert said.endswith("Stopped. Nothing is left running.")
    assert_nothing_left(run)


def test_ctrl_c_in_the_middle_leaves_nothing(start):
    run = start(*SMALL)
    assert until(lambda: "The hosts share:" in in_one_line(run.said) or not run.process.running, PATIENCE), (
        run.said
    )
    assert until(lambda: any("photos@host2" in command_line(each) for each in run.everything()), PATIENCE)
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does it
    assert run.process.wait(PATIENCE) == 130, run.said
    assert run.said.endswith("Stopping …\nStopped. Nothing is left running.\n")
    assert "Traceback" not in run.said
    assert_nothing_left(run)


@pytest.fixture
def without_postgres(monkeypatch):
    """A machine without PostgreSQL, which is also faster."""

    def refused():
        raise temporary_servers.NotInstalled("PostgreSQL is not installed:  apt-get install postgresql")

    monkeypatch.setattr(temporary_servers, "postgres", refused)


HELD = """\
    import redis
    from celery import current_task
    from django.conf import settings
    broker = redis.Redis.from_url(settings.REDIS_URL)
    while any(current_task.request.id.encode() in each for each in broker.hvals("unacked")):
        time.sleep(0.05)  # its worker acknowledges the message after the task has started
    while (settings.DATA_DIR / "hold").exists():
        (settings.DATA_DIR / "held").touch()
        time.sleep(0.05)
"""


@pytest.fixture
def acknowledged_early(tmp_path, monkeypatch):
    """The solutions, with a task that is acknowledged before the work and killed during it."""
    monkeypatch.setattr(paths, "SOLUTIONS", copy_of(paths.SOLUTIONS, tmp_path / "solutions"))
    file = tmp_path / "solutions/05-beat/images/tasks.py"
    text = file.read_text()
    begin = text.index("def resize_image_task")
    late = "    acks_late=True,\n    reject_on_worker_lost=True,\n"
    found = text.rindex(late, 0, begin)
    text = text[:found] + "    acks_late=False,\n" + text[found + len(late) :]
    work = "    started = time.perf_counter()\n"
    assert text.count(work) == 1
    file.write_text(text.replace(work, HELD + work))

    def kill(self, real=host.Host.kill):
        """Kill the host during a task. Between two tasks, no photo would be lost."""
        (self.data / "hold").touch()
        assert until((self.data / "held").exists, PATIENCE)
        real(self)

    monkeypatch.setattr(host.Host, "kill", kill)


def test_a_lost_photo_is_said_and_is_an_error(acknowledged_early, without_postgres, monkeypatch, capsys):
    monkeypatch.setattr(simulation, "PATIENCE", simulation.VISIBILITY_TIMEOUT + 8)
    monkeypatch.setattr(command, "_measure_speedup", lambda *_: None)  # takes a while, and kills no host
    assert command.main(2, 10, quick=True) == 1
    said = in_one_line(capsys.readouterr().out)
    assert "rows one SQLite file, which real hosts couldn't share. PostgreSQL isn't installed" in said
    done, lost = map(
        int, re.search(r"After \S+ s, (\d+) of 10 photos are resized. Lost: (\d+)\.", said).groups()
    )
    assert done + lost == 10
    assert lost
    assert "acks_late" in said
    assert "still" not in said, "the broker has it no more"


@pytest.mark.parametrize(
    ("workers", "photos", "says"),
    [
        (1, 40, r"Choose between 2 and 16 hosts, for example --workers 4\.$"),
        (17, 400, r"Choose between 2 and 16 hosts, for example --workers 4\.$"),
        (4, 19, r"19 photos aren't enough for 4 hosts. Try --photos 40\.$"),
        (2, 10**7, r"This needs about \d+\.\d GB of memory, but only \d+\.\d GB is free\."),
    ],
)
def test_numbers_that_make_no_sense(workers, photos, says):
    with pytest.raises(WorkshopError, match=says):
        command.main(workers, photos, quick=True)


def test_usual_numbers():
    assert limits.number_of_photos(4, None) == 40
    assert limits.number_of_photos(2, 10) == 10
    assert command.host_counts(4, quick=False) == [1, 2, 4]
    assert command.host_counts(6, quick=False) == [1, 2, 4, 6]
    assert command.host_counts(2, quick=True) == [1, 2]


@pytest.mark.parametrize(
    ("patience", "why"), [(60, "it exited immediately"), (0, "it wasn't ready after 0 s")]
)
def test_a_host_that_does_not_start_says_why(tmp_path, monkeypatch, patience, why):
    """Its settings cannot be imported, or the patience is 0 seconds."""
    monkeypatch.setattr(host, "PATIENCE", patience)
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "nowhere"}
    one = host.Host("host1", paths.SOLUTIONS / "05-beat", tmp_path, environment)
    try:
        one.start()
        with pytest.raises(WorkshopError, match=f"The worker on host1 did not start: {why}") as failed:
            one.wait()
    finally:
        one.kill()
    if patience:
        assert "No module named 'nowhere'" in str(failed.value)


def test_a_host_that_writes_meanwhile_is_not_quiet(tmp_path, monkeypatch):
    one = host.Host("host1", paths.SOLUTIONS / "05-beat", tmp_path, os.environ)
    log = tmp_path / "host1.log"
    log.write_text("Task images.tasks.resize_image_task[1] received\n")
    assert one.is_quiet()
    monkeypatch.setattr(
        host.time, "sleep", lambda _: log.write_text("Task images.tasks.resize_image_task[1] succ")
    )
    assert not one.is_quiet()
