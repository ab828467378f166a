"""`./workshop doctor`: a real cause for each finding."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple

import pytest
import redis
import servers
from files import write
from printed_text import in_one_line
from tinyproject import FILES, make_root
from workshop_process import PATIENCE, Up

from workshop import paths
from workshop.commands import doctor
from workshop.console import console
from workshop.course.lessons import Lesson
from workshop.course.project import Project
from workshop.runtime import up_state
from workshop.runtime.broker import Broker, without_password
from workshop.system.child import Child
from workshop.system.ports import free_port


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = make_root(tmp_path / "root")
    monkeypatch.setattr(paths, "ROOT", root)
    monkeypatch.setattr(paths, "STATE", root / ".workshop")
    monkeypatch.delenv("REDIS_URL", raising=False)
    return root


@pytest.fixture
def project(root):
    folder = root / "playground/01-tiny"
    return Project(folder, Lesson("01-tiny", 1, "", 1, [], [], [], folder, folder))


@pytest.fixture
def broker(broker, monkeypatch):
    """A running broker, which REDIS_URL names."""
    monkeypatch.setenv("REDIS_URL", broker.url)
    return broker


@pytest.fixture
def worker(broker, project):
    """worker(folder): a worker that was started by hand in this folder."""
    started = []

    def start(folder):
        environment = project.environment() | {"DATA_DIR": str(folder / "data")}
        command = [sys.executable, "-m", "celery", "-A", "myproject", "worker", "-l", "info", "-c", "1"]
        command += ["--without-mingle", "--without-gossip", "--without-heartbeat"]
        process = Child(command, folder=folder, environment=environment)
        started.append(process)
        assert process.wait_for(" ready.", PATIENCE), process.output
        return process

    yield start
    for process in started:
        process.stop(30)


def bad(findings):
    return [finding for finding in findings if not finding.ok]


def only_bad(findings):
    found = bad(findings)
    assert len(found) == 1, found
    return found[0]


def migrate(project):
    environment = project.environment() | {"PYTHONPATH": str(paths.SOURCES)}
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=project.folder, env=environment, check=True, stderr=subprocess.DEVNULL)


def test_all_is_well(project, worker):
    migrate(project)
    process = worker(project.folder)
    findings = doctor.examine(project, ports={})
    assert bad(findings) == []
    assert any(f"(pid {process.pid}) runs the code in" in finding.summary for finding in findings)
    with console.capture() as printed:
        doctor.show(findings)
    assert "  Everything is fine." in printed.get()


def test_worker_with_old_code(project, worker):
    migrate(project)
    process = worker(project.folder)
    later = time.time() + 5
    os.utime(project.folder / "images/tasks.py", (later, later))
    finding = only_bad(doctor.examine(project, ports={}))
    assert "runs old code: images/tasks.py was saved after it started" in finding.summary
    assert f"kill {process.pid}" in finding.fix


def test_worker_of_another_lesson(project, worker, root):
    migrate(project)
    write(root / "playground/other", FILES)
    process = worker(root / "playground/other")
    finding = only_bad(doctor.examine(project, ports={}))
    assert "runs another project, playground/other" in finding.summary
    assert f"kill {process.pid}" in finding.fix


def test_no_worker_and_pending_migrations(project, broker):
    pending, nobody = bad(doctor.examine(project, ports={}))
    assert pending.summary == "migrations are pending: images.0001_initial"
    assert "manage.py migrate" in pending.fix
    assert nobody.summary.startswith("no worker responds")
    assert "./workshop up" in nobody.fix


@pytest.fixture
def on_a_server(project, monkeypatch):
    """on_a_server(url): the project takes its database from DATABASE_URL, as those of the lessons do."""
    lines = 'import dj_database_url\nDATABASES["default"] = dj_database_url.config()\n'
    write(project.folder, {"myproject/settings.py": FILES["myproject/settings.py"] + lines})
    return lambda url: servers.keep(monkeypatch, "DATABASE_URL", url)


def test_migrations_of_the_database_that_is_used(project, broker, on_a_server, tmp_path):
    on_a_server(f"sqlite:///{tmp_path}/elsewhere.sqlite3")
    pending, _nobody = bad(doctor.examine(project, ports={}))
    assert pending.summary == "migrations are pending: images.0001_initial"
    migrate(project)
    findings = doctor.examine(project, ports={})
    assert doctor.Finding(True, "all migrations have been applied") in findings


def test_a_database_that_cannot_be_used(project, broker, on_a_server):
    on_a_server(f"postgres://me:secret@localhost:{free_port()}/photos")
    database, _nobody = bad(doctor.examine(project, ports={}))
    assert database.summary.startswith("the database at DATABASE_URL cannot be used: connection ")
    assert "\n" not in database.summary
    assert "secret" not in database.summary
    assert "remove DATABASE_URL from WORKSHOP_KEEP" in database.fix


def test_no_broker(monkeypatch, root):
    monkeypatch.setenv("REDIS_URL", f"redis://:secret@localhost:{free_port()}/0")
    finding = only_bad(doctor.examine(None, ports={}))
    assert finding.summary.startswith("no broker responds at redis://…@localhost:")
    assert "unset REDIS_URL" in finding.fix


@pytest.mark.parametrize(
    ("app", "problems"), [(False, 0), (True, 1)], ids=["a lesson without Celery", "a lesson with Celery"]
)
def test_up_is_not_running(project, app, problems):
    """Only a project with a Celery app needs a broker."""
    if not app:
        (project.folder / "myproject/celery.py").unlink()
    machine, of_project = doctor.examine(None, ports={}), doctor.examine(project, ports={})
    assert bad(machine) == []
    assert "no broker is running; ./workshop up starts one" in [finding.summary for finding in machine]
    assert sum("no broker responds" in finding.summary for finding in bad(of_project)) == problems


def test_a_broker_whose_password_is_not_written_down(monkeypatch, root):
    """`up` writes its broker's address without the password, so doctor says what it needs to connect."""
    with Broker(prefer=None) as broker:
        redis.Redis.from_url(broker.url).config_set("requirepass", "secret")
        url = broker.url.replace("//", "//:secret@")
        (root / ".workshop").mkdir()
        up_state.write({"addresses": {"broker": without_password(url)}})
        finding = only_bad(doctor.examine(None, ports={}))
        assert (
            finding.summary
            == f"the password for the broker at {without_password(url)} is not set in this terminal"
        )
        assert "set REDIS_URL to the same address as for ./workshop up" in finding.fix
        monkeypatch.setenv("REDIS_URL", url)
        assert bad(doctor.examine(None, ports={})) == []


def test_a_broker_that_stops_during_the_examination(project):
    """The code can be loaded. Only the workers cannot be asked."""
    state, error = doctor._inspect(project, f"redis://localhost:{free_port()}/0", ask_workers=True)
    assert error == ""
    assert state["workers"] == {}


def test_result_backend_that_is_off(project, broker):
    migrate(project)
    settings = FILES["myproject/settings.py"].replace("CELERY_RESULT_BACKEND = REDIS_URL\n", "")
    write(project.folder, {"myproject/settings.py": settings})
    backend, _nobody = bad(doctor.examine(project, ports={}))
    assert "the result backend is off" in backend.summary
    assert "CELERY_RESULT_BACKEND" in backend.fix


@pytest.mark.parametrize(
    ("backend", "shown"),
    [
        ("django-db", "django-db"),
        ("rpc://", "rpc://"),
        ("db+postgresql://me:secret@host/db", "db+postgresql://…@host/db"),
    ],
)
def test_result_backends_of_other_kinds(backend, shown):
    assert doctor._backend(backend).summary == f"the result backend is {shown}"


def test_a_service_that_fails_on_purpose(project, worker):
    migrate(project)
    worker(project.folder)
    project.data.mkdir(exist_ok=True)
    (project.data / "storage-mode").write_text("slow 600")
    finding = only_bad(doctor.examine(project, ports={}))
    assert finding.summary == "practice mode makes the storage fail or respond slowly (slow 600)"
    assert finding.fix == f"cd {project.folder} && python manage.py storage ok"


def test_syntax_error(project, broker):
    write(project.folder, {"images/views.py": "def home(request:\n"})
    finding = only_bad(doctor.examine(project, ports={}))
    assert finding.summary == "images/views.py:1 cannot be read: '(' was never closed"


def test_import_error(project, broker):
    write(project.folder, {"images/views.py": "\nfrom images import nothing\n"})
    finding = only_bad(doctor.examine(project, ports={}))
    assert "images/views.py:2: ImportError: cannot import name 'nothing'" in finding.summary


LISTEN = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(1)
sys.stdin.read()
"""


@contextlib.contextmanager
def listening(folder):
    """Run a process in `folder` that listens on a port, and yield its PID and the port."""
    port = free_port()
    command = [sys._base_executable, "-u", "-c", LISTEN, str(port)]
    folder.mkdir(parents=True, exist_ok=True)
    with Child(command, folder=folder, environment=os.environ, leash=True) as process:
        assert next(process.lines()) == "1"
        yield process.pid, port


@pytest.mark.parametrize(
    ("folder", "fix"),
    [
        ("root/playground/01-tiny", "Stop it with kill {pid}"),
        ("somewhere/else", "Stop that process"),
        (
            "another/playground/01-tiny",
            "That process belongs to another clone of the workshop, {tmp_path}/another. Press Ctrl-C in its "
            "terminal",
        ),
    ],
    ids=["ours", "a stranger's", "another clone's"],
)
def test_busy_port(root, broker, tmp_path, folder, fix):
    """Doctor suggests `kill` only for a process of this clone."""
    write(tmp_path / "another", {"src/workshop/cli.py": ""})
    with listening(tmp_path / folder) as (pid, port):
        finding = only_bad(doctor.examine(None, ports={port: "the site"}))
    assert f"port {port} (the site) is taken by" in finding.summary
    first, second = finding.fix.splitlines()
    assert first == fix.format(pid=pid, tmp_path=tmp_path)
    assert f"--port {port + 10}" in second


@pytest.mark.parametrize("purpose", ["the broker", "Flower"])
def test_a_busy_port_that_up_does_not_need(root, tmp_path, purpose):
    with listening(tmp_path) as (_, port):
        findings = doctor.examine(None, ports={port: purpose})
    assert bad(findings) == []
    (finding,) = [
        finding for finding in findings if f"port {port} ({purpose}) is taken by" in finding.summary
    ]
    assert finding.summary.endswith("; ./workshop up uses a free port instead")


def test_the_up_of_another_clone_is_named_with_the_way_to_stop_it(root, broker, tmp_path):
    """Its site is a child of its `up`. The `up` of this clone says the same."""
    other, port = make_root(tmp_path / "other"), free_port()
    with Up(other, "01", port) as theirs:
        theirs.until("ready in")
        finding = only_bad(doctor.examine(None, ports={port: "the site"}))
        with Up(root, "01", port) as ours:
            assert ours.end() == 1
        theirs.send(signal.SIGINT)
        assert theirs.end() == 0
    stop = (
        f"That process belongs to another clone of the workshop, {other}. Press Ctrl-C in the terminal where "
        "that clone runs ./workshop up"
    )
    assert finding.fix.splitlines()[0] == stop
    assert "kill" not in finding.fix + ours.text
    assert f"{stop}, or choose another port" in in_one_line(ours.text)


def test_a_port_of_compose_is_said_with_the_command_that_stops_it(root, broker, busy_port, monkeypatch):
    monkeypatch.setattr(doctor.compose, "publisher", lambda port: doctor.compose.project_name("03-images"))
    findings = doctor.examine(None, {busy_port: "the site"})
    (finding,) = [each for each in findings if each.summary.startswith("port")]
    assert re.search(r"is used by the containers of photos-\w{6}-03-images$", finding.summary)
    assert (finding.ok, finding.fix) == (False, "LESSON=03-images ./workshop compose down")


def test_ports_of_our_own_up_are_fine(root):
    port = free_port()
    with Up(root, "01", port) as run:
        run.until("ready in")
        findings = doctor.examine(None, ports={port: "the site"})
        run.send(signal.SIGINT)
        assert run.end() == 0
    assert bad(findings) == []
    assert any(f"port {port} is used by ./workshop up" in finding.summary for finding in findings)


def test_little_disk(monkeypatch, root, broker):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(10**10, 10**10, 5 * 10**8))
    finding = only_bad(doctor.examine(None, ports={}))
    assert finding.summary == "0.5 GB free on the disk"


def test_show_prints_the_fix(root):
    with console.capture() as printed:
        doctor.show([doctor.Finding(False, "a [port] is busy", "kill 7"), doctor.Finding(True, "fine")])
    text = printed.get()
    assert "✗ a [port] is busy\n      kill 7" in text
    assert "1 problem found" in text
