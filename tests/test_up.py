"""`./workshop up` with real processes: what it prints, what it survives, and that it leaves nothing."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import psutil
import pytest
import redis
from file_watch_limits import limited
from files import edit, write
from honcho.printer import Printer
from printed_text import Printed, in_one_line
from processes import alive, command_line, descendants, kill
from projects import copy_of
from tinyproject import FILES, make_root
from workshop_process import PATIENCE, Up
from workshop_process import run as workshop

from workshop import paths
from workshop.course import lessons, progress, project_database
from workshop.course.lessons import Lesson
from workshop.course.project import Project
from workshop.photos import samples
from workshop.photos.visitor import Visitor
from workshop.runtime import diagnosis, procfile, up_state
from workshop.runtime.broker import Broker, answers
from workshop.runtime.procfile import Service
from workshop.runtime.service_state import State
from workshop.runtime.supervisor import RELOADS, Supervisor
from workshop.system import ports
from workshop.system.child import Child
from workshop.system.ports import free_port, is_free
from workshop.system.waiting import until


@pytest.fixture
def root(tmp_path):
    return make_root(tmp_path / "root")


@pytest.fixture
def start(root):
    """start(lesson, port, …): `up` as a real process. It is stopped after the test."""
    with contextlib.ExitStack() as stack:

        def start(lesson="01", port=None, **options):
            return stack.enter_context(Up(root, lesson, port or free_port(), **options))

        yield start


def project_of(root, lesson="01-tiny"):
    return root / "playground" / lesson


def state_of(root):
    return json.loads((root / ".workshop/up.json").read_text())


def worker_of(root):
    return psutil.Process(state_of(root)["processes"]["worker"]["pid"])


def nap(root, seconds):
    """Queue a task of the project, as the learner's own code would."""
    code = f"import myproject; from images.tasks import nap; nap.delay({seconds})"
    environment = {"REDIS_URL": state_of(root)["addresses"]["broker"], "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], cwd=project_of(root), env=environment, check=True)


def assert_nothing_left(root, port, children):
    assert alive(children) == []
    assert is_free(port)
    assert not (root / ".workshop/up.json").exists()


def test_a_project_that_is_not_the_learners_has_no_next_step(root, start):
    write(root / "solutions/01-tiny", FILES)
    run = start("solutions/01-tiny")
    assert re.search(r"^  project +solutions/01-tiny +the worker restarts", run.until("solutions/01-tiny"))
    run.until("  stop: Ctrl-C")
    assert "your copy" not in run.text
    assert "next:" not in run.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_behind_twice_in_a_row(root, start, number):
    port, applied = free_port(), []
    for _ in range(2):
        run = start(port=port)
        run.until("Workshop · lesson 01 of 2: Lesson 01-tiny")
        assert re.fullmatch(r"about 13 min · ready in \d+\.\d s", run.until("ready in"))
        assert httpx.get(f"http://localhost:{port}/").text == "hello"
        run.until("next: step 1.1 · The first step · ./workshop check")
        children = run.children()
        folder = state_of(root)["broker_folder"]
        run.send(number)
        assert run.end() == 0
        assert "Nothing is left running" in run.text
        assert re.search(r"by hand +export REDIS_URL=redis://localhost:\d+/0", run.text), "not the usual port"
        assert "\033[" not in run.text  # colour is for terminals
        assert_nothing_left(root, port, children)
        assert not (root / folder).exists()
        applied.append("Applying images.0001_initial" in run.text)
    assert applied == [True, False]  # nothing was pending the second time


def test_stop_before_anything_is_ready(root, start):
    run = start()
    run.until(" | ")
    children = run.children()
    run.send(signal.SIGINT)
    assert run.end() == 0
    assert alive(children) == []


def test_a_task_is_finished_before_the_worker_ends(root, start):
    run = start()
    run.until("ready in")
    nap(root, 2)
    run.until("the nap begins")
    run.send(signal.SIGINT)
    assert run.end() == 0
    assert "the nap is over" in run.text


GRACIOUS = """
from workshop.cli import main
from workshop.runtime import supervisor
supervisor.GRACE_SECONDS = 600
main()
"""


def test_a_second_ctrl_c_does_not_wait_for_a_task(root, start):
    """Neither the grace time nor the task ends while the test waits."""
    run = start(program=[sys.executable, "-P", "-c", GRACIOUS])
    run.until("ready in")
    children = run.children()
    nap(root, 600)
    run.until("the nap begins")
    run.send(signal.SIGINT)
    run.until("Stopping")
    run.send(signal.SIGINT)
    assert run.end() == 0
    assert alive(children) == []


def test_a_crashed_process_is_named_and_comes_back_on_save(root, start):
    port = free_port()
    run = start(port=port)
    run.until("ready in")
    worker_of(root).kill()
    run.until("worker ended (killed by SIGKILL)")
    run.until("starts again when you save a file")
    assert httpx.get(f"http://localhost:{port}/").status_code == 200
    write(project_of(root), {"images/tasks.py": FILES["images/tasks.py"] + "\n"})
    run.until("worker started again: images/tasks.py changed · ready in")

    write(project_of(root), {"images/tasks.py": "import nothing_of_this_name\n"})
    run.until(
        "worker ended (exit code 1): images/tasks.py:1: ModuleNotFoundError: "
        "No module named 'nothing_of_this_name'"
    )
    assert "Traceback (most recent call last):" in run.text
    assert run.text.count("[tasks]") == 1, "the banner is shown at the first start only"


def test_a_dead_broker_is_said_and_comes_back_on_save(root, start):
    run = start()
    run.until("ready in")
    state = state_of(root)
    address = ("127.0.0.1", int(state["addresses"]["broker"].rpartition(":")[2].removesuffix("/0")))
    psutil.Process(state["processes"]["broker"]["pid"]).kill()
    run.until("broker ended.")
    with socket.create_server(address):  # somebody else is on its port
        write(project_of(root), {"images/tasks.py": FILES["images/tasks.py"] + "\n\n"})
        run.until("broker is still down")
    write(project_of(root), {"images/tasks.py": FILES["images/tasks.py"] + "\n"})
    run.until("broker started again")
    while not run.until(" · ready in ").startswith("worker "):
        pass
    children = run.children()
    assert any("valkey-server" in child.name() for child in children)
    run.send(signal.SIGINT)
    assert run.end() == 0
    assert alive(children) == []


def test_the_broker_is_stopped_and_started_alone(root, start):
    """It stays down when a file is saved, and has the same address afterwards."""
    run = start()
    run.until("ready in")
    url = state_of(root)["addresses"]["broker"]
    assert "The broker is stopped." in workshop(root, "broker", "stop").stdout
    run.until("broker stopped.")
    assert not answers(url)
    assert "already stopped" in workshop(root, "broker", "stop").stdout
    assert f"no broker responds at {url}\n      ./workshop broker start" in workshop(root, "doctor").stdout
    before = state_of(root)["processes"].get("worker")
    write(project_of(root), {"images/tasks.py": FILES["images/tasks.py"] + "\n"})
    assert until(lambda: state_of(root)["processes"].get("worker") not in (None, before), PATIENCE)
    assert not answers(url)
    assert f"running again at {url}" in workshop(root, "broker", "start").stdout
    run.until("broker started again. Its queues are empty.")
    assert answers(url)
    pid = state_of(root)["processes"]["broker"]["pid"]
    run.send(signal.SIGINT)
    assert run.end() == 0
    assert not psutil.pid_exists(pid)


def test_no_broker_to_switch(root):
    said = workshop(root, "broker", "stop")
    assert said.returncode == 1
    assert "./workshop up is not running" in said.stderr


def test_a_broker_of_the_persons_own_is_left_alone(root, start):
    with Broker(prefer=None) as own:
        run = start(REDIS_URL=own.url)
        run.until("ready in")
        said = workshop(root, "broker", "stop")
        assert said.returncode == 1
        assert "your own broker" in said.stderr
        assert own.running


def test_worker_restarts_when_a_file_is_saved(root, start):
    run = start()
    run.until("ready in")
    before = state_of(root)["processes"]
    write(project_of(root), {"images/tasks.py": FILES["images/tasks.py"] + "\n"})
    run.until("worker restarted: images/tasks.py changed · ready in")
    after = state_of(root)["processes"]
    assert after["worker"] != before["worker"]
    assert after["web"] == before["web"]
    assert after["broker"] == before["broker"]


def test_a_restart_is_one_line(root, start):
    run = start()
    run.until("stop: Ctrl-C")
    for number in range(1, 3):
        first = len(run.lines)
        write(project_of(root), {"images/views.py": FILES["images/views.py"] + "\n" * number})
        said = sorted(run.until(" · ready in ") for _ in range(2))
        assert [re.sub(r"[\d.]+ s", "… s", line) for line in said] == [
            # The project has no DEFAULT_AUTO_FIELD.
            "web restarted: images/views.py changed · ready in … s · same warnings",
            "worker restarted: images/views.py changed · ready in … s",
        ]
        assert len([line for line in run.lines[first:] if line]) == 2, run.text
    for banner in ("[tasks]", "Watching for file changes", "Quit the server", "Warm shutdown"):
        assert run.text.count(banner) == (banner != "Warm shutdown"), run.text
    # A print shows that what the process writes after it is ready is shown at once.
    nap(root, 0)
    run.until("the nap is over")


def test_a_warning_is_shown_at_each_restart(root, start):
    run = start()
    run.until("stop: Ctrl-C")
    for number in range(1, 3):
        code = FILES["images/tasks.py"] + "import warnings\n" + "\n" * number + 'warnings.warn("look here")\n'
        write(project_of(root), {"images/tasks.py": code})
        run.until("UserWarning: look here")
        run.until("worker restarted")


def test_a_broker_that_ends_a_worker_is_named_and_no_older_error(root, start):
    for kind in ("lessons", "solutions"):
        copy_of(paths.ROOT / kind / "03-images", root / kind / "03-images")
    wrong = ("picture.thumbnail(", "picture.no_such_method(")
    edit(root / "solutions/03-images/images/resizing.py", wrong)
    port = free_port()
    run = start("solutions/03-images", port=port)
    run.until("stop: Ctrl-C")
    broker = state_of(root)["addresses"]["broker"]
    with Visitor(f"http://localhost:{port}") as visitor:
        visitor.open_form()
        visitor.upload("garden.jpg", samples.photo(200, 150))
    run.until("raised unexpected")
    run.until("images/resizing.py")
    with redis.Redis.from_url(broker) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
    run.until("run ./workshop up again")
    _, _, said = in_one_line(run.text).partition("worker stopped because its broker refuses to write: ")
    assert f"({broker}) Press Ctrl-C" in said
    assert "images/" not in said


def test_where_the_system_watches_no_files_it_is_said_and_they_are_looked_at(root, start):
    run = start(program=[*limited("watches"), sys.executable, "-P", "-m", "workshop"])
    run.until("The operating system doesn't report saved files (OS file watch limit reached)")
    run.until("sudo sysctl fs.inotify.max_user_watches=")
    run.until("next: step 1.1")
    write(project_of(root), {"images/tasks.py": FILES["images/tasks.py"] + "\n"})
    run.until("worker restarted: images/tasks.py changed")
    run.send(signal.SIGINT)
    assert run.end() == 0
    assert "Traceback" not in run.text


def test_flower_is_shown_with_its_password_and_restarts_for_its_own_file(root, start):
    config = "import os\n\naddress = '127.0.0.1'\nport = int(os.environ['FLOWER_PORT'])\n"
    lines = FILES["Procfile"] + "flower: celery -A myproject flower\n"
    write(project_of(root), {"flowerconfig.py": config, "Procfile": lines})
    run = start()
    address = re.search(r"http://\S+", run.until("user workshop, password"))[0]
    password = (root / ".workshop/flower-password").read_text().strip()
    run.until("stop: Ctrl-C")
    assert f"user workshop, password {password}" in run.text
    assert httpx.get(f"{address}/workers").status_code == 401
    assert httpx.get(f"{address}/workers", auth=("workshop", password)).status_code == 200
    before = state_of(root)["processes"]

    write(project_of(root), {"images/tasks.py": FILES["images/tasks.py"] + "\n"})
    run.until("worker restarted: images/tasks.py changed · ready in")
    write(project_of(root), {"flowerconfig.py": config + "max_tasks = 10\n"})
    both = {run.until("restarted: flowerconfig.py changed") for _ in range(2)}  # in either order
    assert {line.partition(" restarted")[0].split()[-1] for line in both} == {"flower", "worker"}
    after = state_of(root)["processes"]
    assert after["flower"] != before["flower"]
    assert "flower restarted: images/tasks.py" not in run.text
    children = run.children()
    run.send(signal.SIGINT)
    assert run.end() == 0
    assert alive(children) == []


def test_a_changed_procfile_is_said_and_nothing_restarts(root, start):
    run = start()
    run.until("ready in")
    before = state_of(root)["processes"]
    write(project_of(root), {"Procfile": FILES["Procfile"] + "slow: celery -A myproject worker -n slow@%h\n"})
    run.until("The Procfile has changed. To apply the changes, press Ctrl-C and run ./workshop up again.")
    write(project_of(root), {"images/tasks.py": FILES["images/tasks.py"] + "\n"})
    run.until("worker restarted: images/tasks.py changed")
    assert "restarted: Procfile" not in run.text
    assert state_of(root)["processes"]["web"] == before["web"]


def test_a_syntax_error_is_said_with_file_and_line(root, start):
    run = start()
    run.until("ready in")
    write(project_of(root), {"images/tasks.py": "\n\nprint((1)\n"})
    run.until(
        "worker cannot start: images/tasks.py:3 cannot be read: '(' was never closed. The service starts"
    )
    write(project_of(root), {"images/tasks.py": "\nprint(1 2)\n"})
    run.until(
        "images/tasks.py:2 cannot be read: invalid syntax. Perhaps you forgot a comma? The service starts"
    )
    write(project_of(root), FILES)
    run.until("worker started again")


def test_code_that_the_site_cannot_load(root, start):
    write(project_of(root), {"myproject/urls.py": "import nothing_of_this_name\n"})
    port = free_port()
    run = start(port=port)
    error = "myproject/urls.py:1: ModuleNotFoundError: No module named 'nothing_of_this_name'"
    run.until(f"web cannot load your code: {error}")
    run.until("not running: web")
    write(project_of(root), FILES)
    run.until("Starting development server")
    run.send(signal.SIGINT)
    assert run.end() == 0


def test_a_worker_that_waits_for_a_step(root, start):
    run = start("02")
    run.until("worker  waits for step 2.1 (myproject/celery.py has no app yet)")
    run.until("not running: worker")
    write(project_of(root, "02-waiting"), {"myproject/celery.py": "app = Celery()\n"})
    run.until("worker  waits for step 2.1 (myproject/celery.py:1: NameError: name 'Celery' is not defined)")
    write(project_of(root, "02-waiting"), {name: FILES[name] for name in FILES if "celery" in name})
    run.until("| [tasks]")  # its first start
    run.until("worker started again")
    assert "worker ended" not in run.text


def test_a_step_that_is_passed_is_not_probed(root, monkeypatch):
    monkeypatch.setattr(paths, "STATE", root / ".workshop")
    monkeypatch.setattr(paths, "PLAYGROUND", root / "playground")
    project = Project(project_of(root, "02-waiting"), lessons.read(root / "lessons/02-waiting"))
    assert "find_app" in procfile.from_procfile(project, {}, 8000)[1].probe
    progress.set_passed_steps("02-waiting", ["2.1"])
    assert procfile.from_procfile(project, {}, 8000)[1].probe is None


def test_busy_port(root, start, busy_port):
    run = start(port=busy_port)
    assert run.end() == 1
    said = in_one_line(run.text)
    assert f"Port {busy_port} is taken by" in said
    assert f"(pid {os.getpid()})" in said
    assert f"./workshop up --port {busy_port + 10}"[:-1] in said
    assert not (root / ".workshop/up.json").exists()


def test_of_two_clones_that_start_together_one_gets_the_port(root, start, tmp_path):
    """The other one names the process on the port, instead of starting a site that exits at once."""
    port = free_port()
    runs = [
        start(port=port),
        start(port=port, WORKSHOP_ROOT=str(make_root(tmp_path / "other"))),
    ]
    assert until(lambda: not all(run.process.running for run in runs), 60)
    (loser,) = [run for run in runs if not run.process.running]
    (winner,) = [run for run in runs if run is not loser]
    assert loser.end() == 1
    said = in_one_line(loser.text)
    assert f"Port {port} is taken by" in said
    assert f"(pid {winner.process.pid})" in said or f"runserver {port}" in said
    assert "That process belongs to another clone of the workshop," in said
    winner.until("ready in")
    winner.send(signal.SIGINT)
    assert winner.end() == 0


def test_two_clones_that_start_together_have_two_brokers(root, start, tmp_path):
    wanted = str(free_port())
    other = make_root(tmp_path / "other")
    runs = [
        start(WORKSHOP_BROKER_PORT=wanted),
        start(WORKSHOP_BROKER_PORT=wanted, WORKSHOP_ROOT=str(other)),
    ]
    for run in runs:
        run.until("ready in")
    found = {state_of(folder)["addresses"]["broker"] for folder in (root, other)}
    assert len(found) == 2
    assert f"redis://localhost:{wanted}/0" in found
    assert f"Port {wanted} (WORKSHOP_BROKER_PORT) is taken by" in runs[0].text + runs[1].text


CLAIM = """
import sys
from workshop.system import ports
print(getattr(ports, sys.argv[1])(int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def test_a_port_is_claimed_before_its_server_listens():
    """Flower, JupyterLab and the docs start seconds after their ports were chosen."""
    port = free_port()
    command = [sys.executable, "-c", CLAIM]
    environment = os.environ | {"PYTHONPATH": str(paths.SOURCES)}
    with Child([*command, "claim", str(port)], environment=environment, leash=True) as first:
        assert first.wait_for("", 60) == "True"
        assert not ports.claim(port)
        assert ports.claimant(port).pid == first.pid
        with Child([*command, "claim_next", str(port)], environment=environment, leash=True) as second:
            assert int(second.wait_for("", 60)) > port
        first.kill()
    assert ports.claimant(port) is None
    assert ports.claim(port)
    assert not ports.claim(port), "up --port 8001 has claimed the usual port of the docs for the site"
    child = subprocess.run(
        [*command, "claim", str(port)], env=environment, input="", capture_output=True, text=True
    )
    assert child.stdout == "True\n", "the docs server that up has claimed the port for is its child"


@pytest.mark.parametrize("port", ["abc", "70000"])
def test_a_broker_port_that_cannot_be_is_a_sentence(root, start, port):
    run = start(WORKSHOP_BROKER_PORT=port)
    assert run.end() == 1
    assert run.text.startswith(f"WORKSHOP_BROKER_PORT is {port}, but it must be a number from 1 to 65535.")
    assert not (root / ".workshop/up.json").exists()


def test_only_one_at_a_time(root, start):
    first = start()
    first.until("ready in")
    second = start()
    assert second.end() == 1
    assert f"already up (pid {first.process.pid}): playground/01-tiny" in second.text
    assert state_of(root)["addresses"]["site"] in second.text
    first.send(signal.SIGINT)
    assert first.end() == 0


def test_leftovers_of_a_killed_run_are_ended(root, start):
    port = free_port()
    run = start(port=port)
    run.until("ready in")
    children = run.children()
    folder = root / state_of(root)["broker_folder"]
    run.send(signal.SIGKILL)
    run.process.wait()
    assert alive(children)
    try:
        again = start(port=port)
        again.until("ready in")
        assert alive(children) == []
        assert not folder.exists()
        again.send(signal.SIGINT)
        assert again.end() == 0
    finally:
        kill(children)


def test_a_process_that_took_over_an_old_number_is_left_alone(root, start):
    with Child(["sleep", "600"]) as stranger:
        (root / ".workshop").mkdir()
        entry = {"pid": stranger.pid, "create_time": psutil.Process(stranger.pid).create_time() - 100}
        (root / ".workshop/up.json").write_text(json.dumps({"processes": {"worker": entry}}))
        run = start()
        run.until("ready in")
        assert stranger.running


def test_external_broker(root, start):
    with Broker(prefer=None) as broker:
        run = start(REDIS_URL=broker.url)
        run.until("ready in")
        run.until("yours (REDIS_URL)")
        assert "broker" not in state_of(root)["processes"]
        run.send(signal.SIGINT)
        assert run.end() == 0
        assert answers(broker.url)
    run = start(REDIS_URL=broker.url)
    assert run.end() == 1
    assert "unset REDIS_URL" in run.text


def test_no_procfile(root, start):
    (project_of(root) / "Procfile").unlink()
    run = start()
    assert run.end() == 1
    assert "playground/01-tiny has no Procfile" in run.text
    assert not (root / ".workshop/up.json").exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("worker: celery -A myproject worker -n 'x@%h", "No closing quotation"),
        (" worker: celery -A myproject worker", "it does not start with a name and a colon"),
        ("worker celery -A myproject worker", "it does not start with a name and a colon"),
        ("web: python manage.py runserver 8001", "it names web again"),
    ],
)
def test_a_procfile_line_that_cannot_be_read_is_shown(root, start, line, why):
    write(project_of(root, "02-waiting"), {"Procfile": f"web: python manage.py runserver\n{line}\n"})
    run = start("02")
    assert run.end() == 1
    assert f"A line in playground/02-waiting/Procfile cannot be read: {why}. {line.strip()} " in run.text
    assert "run the same command again" in run.text


def test_a_procfile_from_an_editor_on_windows(tmp_path):
    """Its first line starts with a byte order mark, and each line ends with a carriage return."""
    file = tmp_path / "Procfile"
    file.write_bytes(b"\xef\xbb\xbfweb: a $PORT\r\n\r\n# more\r\nworker: b\r\n")
    assert procfile.read_commands(file) == {"web": "a $PORT", "worker": "b"}


def test_an_error_of_the_supervisor_leaves_no_process(tmp_path):
    """Not even one whose start it doesn't know yet."""

    def broken(pids):
        raise ZeroDivisionError

    sleepers = [Service(name, "sleep 600", tmp_path, dict(os.environ)) for name in ("one", "two", "three")]
    printer = Printer(io.StringIO(), colour=False)
    supervisor = Supervisor(sleepers, tmp_path, printer, say=print, on_pids=broken)
    with pytest.raises(ZeroDivisionError):
        supervisor.run()
    assert not asleep()


def asleep():
    """Kill the descendants of this process that sleep, and return them."""
    return kill(child for child in descendants() if "sleep 600" in command_line(child))


def test_migrations_are_over_before_anything_else_starts(root, start):
    slow = FILES["images/migrations/0001_initial.py"].replace(
        "    operations = [", "    operations = [\n        migrations.RunPython(lambda *_: time.sleep(3)),"
    )
    write(project_of(root), {"images/migrations/0001_initial.py": f"import time\n\n{slow}"})
    run = start()
    run.until("ready in")
    names = [line.partition("|")[0].strip() for line in run.lines if "|" in line]
    assert {"migrate", "web", "worker"} <= set(names)
    assert "migrate" not in names[names.count("migrate") :], "its lines come first"


def test_another_process_on_the_port_does_not_make_a_service_ready(tmp_path):
    port = free_port()
    service = procfile.Service("web", f"{sys.executable} -m http.server {port}", tmp_path, {}, port=port)
    supervisor = Supervisor([service], tmp_path, Printer(io.StringIO()), print)
    with Child([sys.executable, "-c", "input()"], leash=True) as sleeper:
        with socket.create_server(("127.0.0.1", port)):
            running = supervisor.running["web"]
            running.state, running.pid = State.STARTING, sleeper.pid
            supervisor._update(running)
            assert running.state == State.STARTING
        with Child(service.command.split(), folder=tmp_path) as server:
            running.pid = server.pid
            assert until(lambda: supervisor._update(running) or running.state == State.READY, PATIENCE)


def said_by(service, folder):
    """Run a service until it exits, and return the first sentence about it."""
    said = []

    def say(sentence):
        said.append(sentence)
        supervisor.stop()

    supervisor = Supervisor([service], folder, Printer(io.StringIO(), colour=False), say)
    supervisor.run()
    return said[0]


def test_a_broker_of_your_own_is_named_with_the_fix_and_without_its_password(tmp_path):
    environment = {"PATH": os.environ["PATH"], "REDIS_URL": "redis://:secret@photos.example:6379/0"}
    command = f"cat {Path(__file__).parent / 'logs/replica-at-start.txt'}; exit 1"
    said = said_by(Service("worker", command, tmp_path, environment), tmp_path)
    assert said == (
        "worker stopped because its broker refuses to write: READONLY You can't write against a read only "
        "replica (redis://…@photos.example:6379/0)\n"
        "  The broker is now a replica. Set REDIS_URL to the primary's address.\n"
        "  The process starts again when you save a file."
    )


def test_a_service_with_a_log_that_ends_names_the_log(tmp_path):
    log = tmp_path / "docs.log"
    service = Service("docs", "echo Error: no such page; exit 3", tmp_path, dict(os.environ), log=log)
    said = said_by(service, tmp_path)
    assert said == (
        "docs ended (exit code 3): Error: no such page\n"
        f"  The log is {log}. The other processes keep running."
    )
    assert log.read_text() == "Error: no such page\n"


def test_pending_migrations_are_found_without_django(root):
    folder = project_of(root)
    lesson = Lesson("01-tiny", 1, "", 1, [], [], [], folder, folder)
    project = Project(folder, lesson)
    assert project_database.pending_migrations(project) == ["images.0001_initial"]
    environment = project.environment() | {"PYTHONPATH": str(paths.SOURCES)}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=folder, env=environment, check=True)
    assert project_database.pending_migrations(project) == []
    write(folder, {"images/migrations/0002_more.py": ""})
    with (folder / "myproject/settings.py").open("ab") as settings:
        settings.write("# für Python kein Fehler\n".encode("latin-1"))
    assert project_database.pending_migrations(project) == ["images.0002_more"]


def test_the_cause_behind_an_output(tmp_path):
    output = textwrap.dedent(f"""\
        Traceback (most recent call last):
          File "{tmp_path}/images/tasks.py", line 7, in <module>
            import x
          File "/usr/lib/python3/importlib.py", line 3, in load
            raise
        ValueError: no such thing

        more words
        """)
    assert (
        str(diagnosis.cause(output.splitlines(), tmp_path)) == "images/tasks.py:7: ValueError: no such thing"
    )
    assert str(diagnosis.cause(["Error: port in use", "bye"], tmp_path)) == "Error: port in use"
    assert str(diagnosis.cause(["", "first", "last"], tmp_path)) == "last"
    assert str(diagnosis.cause([], tmp_path)) == ""


def test_notebooks_come_with_it_and_their_kernels_go_with_it(root, start):
    write(root / "notebooks", {"01-tiny.ipynb": "{}", "helper.py": ""})
    port = free_port()
    run = start(port=port)
    row = run.until("notebook    http")
    address = re.search(r"http://localhost:\d+/lab/tree/01-tiny\.ipynb\?token=\S+", row)[0]
    run.until("stop: Ctrl-C")
    token = {"Authorization": "token " + address.partition("token=")[2]}
    server = address.partition("/lab")[0]

    def kernel():
        with contextlib.suppress(httpx.TransportError):
            return httpx.post(f"{server}/api/kernels", headers=token, json={"name": "python3"}, timeout=30)

    answer = until(lambda: kernel() or not run.process.running, 60)
    assert answer.status_code == 201
    children = run.children()
    assert any("ipykernel_launcher" in command_line(child) for child in children)
    run.send(signal.SIGINT)
    assert run.end() == 0
    assert_nothing_left(root, port, children)


BUSY = """\
import time
from itertools import count

from celery import shared_task
from django.conf import settings


@shared_task
def nap(seconds):
    print("the nap begins")
    end = time.monotonic() + seconds
    for number in count():
        folder = settings.DATA_DIR / "media" / str(number % 40)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number % 5000}.jpg").write_bytes(bytes(5000))
        if time.monotonic() > end:
            break
"""


@pytest.fixture
def busy(root, start):
    """busy(): an `up` whose worker writes one photo after another."""

    def begin(lesson="01-tiny"):
        for kind, text in {
            "lessons": BUSY,
            "playground": BUSY + "# mine\n",
            "solutions": BUSY + "# done\n",
        }.items():
            write(root / kind / lesson, FILES | {"images/tasks.py": text})
        (root / ".workshop").mkdir(exist_ok=True)
        (root / ".workshop/progress.json").write_text(
            json.dumps({"last": lesson, "passed": {lesson: ["1.1"]}})
        )
        run = start(lesson)
        run.until("stop: Ctrl-C")
        nap(root, 600)
        run.until("the nap begins")
        assert until(lambda: len(list(project_of(root).glob("data/media/*/*.jpg"))) > 100, PATIENCE)
        return run

    return begin


def command(root, *arguments, folder=None):
    """Run a command beside `up`, and return what it prints. Fails the test if its exit code is not 0."""
    done = workshop(root, *arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return Printed(done.stdout)


def assert_begun_again(root, said):
    """Assert that the backup is complete and that the new copy is the starter. Returns the old photos."""
    backup = root / re.search(r"Your files are in (playground/\.backup/\S+)\.$", said, re.M)[1]
    photos = list(backup.glob("data/media/*/*.jpg"))
    assert len(photos) > 100
    assert (backup / "manage.py").is_file()
    assert (backup / "images/tasks.py").read_text().endswith("# mine\n")
    with contextlib.closing(sqlite3.connect(backup / "data/db.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copied = {name: (project_of(root) / name).read_text() for name in FILES}
    assert copied == FILES | {"images/tasks.py": BUSY}
    assert not (project_of(root) / "data").exists()
    assert json.loads((root / ".workshop/progress.json").read_text())["passed"] == {}
    return photos


def test_reset_stops_the_up_that_runs_the_lesson(root, start, busy):
    run = busy()
    children = run.children()
    said = command(root, "reset", "01", folder=project_of(root))
    assert run.end() == 0
    assert "Stopped. Nothing is left running." in run.text
    assert alive(children) == []
    assert "Stopped ./workshop up, which was running this lesson. Start it again: ./workshop up 01" in said
    assert f"This terminal is now in the backup folder. Go to the new copy: cd {project_of(root)}" in said
    assert_begun_again(root, said)
    assert "0 of 1 steps" in command(root, "status")
    again = start()
    again.until("ready in")


def test_reset_stops_an_up_that_is_just_starting(root, start, monkeypatch):
    """`up` already holds the lock, but hasn't recorded its processes yet."""
    monkeypatch.setattr(paths, "STATE", root / ".workshop")
    write(root / "lessons/01-tiny", FILES)
    run = start()
    assert until(lambda: (root / ".workshop/up.lock").exists(), 60)
    assert up_state.stop(project_of(root))
    assert run.end() in (0, 143)
    assert not up_state.stop(project_of(root)), "nothing runs any more"
    assert not (root / ".workshop/up.json").exists()


@pytest.mark.parametrize("command", [("reset", "01"), ("broker", "stop")])
def test_an_up_that_is_suspended_hears_other_commands(root, start, command):
    """Ctrl-Z suspends it, and then it handles no signal."""
    first = start()
    first.until("stop: Ctrl-C")
    up = psutil.Process(first.process.pid)
    up.suspend()
    assert until(lambda: up.status() == psutil.STATUS_STOPPED, 60)
    second = start()
    assert second.end() == 1
    assert (
        f"It was suspended with Ctrl-Z. To continue it, type fg in its terminal, or: kill -CONT {up.pid} "
        in second.text
    )
    assert workshop(root, *command).returncode == 0
    first.until("Stopped. Nothing is left running." if command[0] == "reset" else "broker stopped.")


def test_reset_ends_what_a_killed_up_left_running(root, busy):
    run = busy()
    children = run.children()
    run.send(signal.SIGKILL)
    run.process.wait()
    try:
        assert alive(children)
        said = command(root, "reset", "01")
        assert alive(children) == []
        assert "Stopped ./workshop up" not in said
        assert "This terminal" not in said
        photos = assert_begun_again(root, said)
        cut_short = [file for file in photos if file.stat().st_size < 5000]
        assert len(cut_short) <= 1, "only the one that the killed worker was writing"
    finally:
        kill(children)


def test_reset_of_another_lesson_leaves_up_alone(root, start):
    write(root / "lessons/02-waiting", FILES)
    run = start()
    run.until("ready in")
    assert "Stopped" not in command(root, "reset", "02")
    assert run.process.running
    assert state_of(root)["folder"] == str(project_of(root))


def test_a_lesson_is_solved_while_up_runs_it(root, busy):
    run = busy()
    said = command(root, "solve", "01")
    assert "changed  images/tasks.py" in said
    run.until("worker restarted: images/tasks.py changed · ready in")
    assert (project_of(root) / "images/tasks.py").read_text() == BUSY + "# done\n"
    assert (project_of(root) / "manage.py").is_file()
    backup = root / re.search(r"Backup of your files: (\S+)", said)[1]
    assert (backup / "images/tasks.py").read_text() == BUSY + "# mine\n"
    assert json.loads((root / ".workshop/progress.json").read_text())["passed"] == {"01-tiny": ["1.1"]}


@pytest.mark.parametrize(
    "line",
    [
        "/home/ada/photos/images/views.py changed, reloading.",
        "[2026-11-29 10:49:18,546: INFO/Main] /home/ada/photos/images/views.py changed, reloading.  id=7",
    ],
    ids=["plain", "with the format of lesson 04"],
)
def test_the_file_of_a_reload_is_recognized(line):
    assert RELOADS.match(line)[1] == "/home/ada/photos/images/views.py"
