"""Settings of other projects in the shell never reach the processes of the workshop, unless they are kept."""

import ast
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import nbformat
import pytest
import redis
from check_events import check_events
from files import write
from printed_text import in_one_line
from workshop_process import PATIENCE, Up

from benchmarks import startup
from workshop import paths
from workshop.checkkit import photos, until
from workshop.checks.events import Checked, Finished
from workshop.commands import doctor, up
from workshop.course import project
from workshop.errors import WorkshopError
from workshop.notebooks import execute, server
from workshop.photos.visitor import Visitor
from workshop.runtime.broker import Broker
from workshop.system import environment
from workshop.system.ports import free_port

SOURCES = paths.ROOT / "src/workshop"
SOLUTION = paths.SOLUTIONS / "03-images"
CLOSED = "http://127.0.0.1:1"
OF_ANOTHER_PROJECT = {
    "DATABASE_URL": "postgres://nobody@localhost:1/other",
    "AWS_STORAGE_BUCKET_NAME": "other",
    "ALLOWED_HOSTS": "other.example",
    "DEBUG": "0",
    "SECRET_KEY": "",
    "TIME_ZONE": "No/Such",
    "SWEEP_AFTER": "never",
    "EMAIL_HOST": "mail.example",
    "DJANGO_SETTINGS_MODULE": "other.settings",
    "CELERY_CONFIG_MODULE": "otherconfig",
    "FLOWER_BASIC_AUTH": "nobody",
    "C_FORCE_ROOT": "1",
    "PYTEST_ADDOPTS": "--no-such-option",
    "GUNICORN_CMD_ARGS": "--no-such-option",
    "WEB_CONCURRENCY": "99",
    "PGSERVICE": "other",
    "AWS_PROFILE": "other",
    "HTTP_PROXY": CLOSED,
    "http_proxy": CLOSED,
    "ALL_PROXY": "socks5://127.0.0.1:1",
}


@pytest.fixture(scope="module")
def foreign_broker():
    with Broker(prefer=None) as broker:
        yield broker


@pytest.fixture
def foreign(foreign_broker):
    """The variables of another project. Afterwards, its broker must be as empty as before."""
    yield OF_ANOTHER_PROJECT | dict.fromkeys(
        ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"], foreign_broker.url
    )
    with redis.Redis.from_url(foreign_broker.url) as client:
        assert client.keys() == []


@pytest.fixture
def foreign_shell(foreign, monkeypatch):
    for name in ("REDIS_URL", environment.KEEP):
        monkeypatch.delenv(name, raising=False)
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    return foreign


def test_up_uses_its_own_broker_and_settings(foreign, tmp_path):
    root = startup.make_root(tmp_path, SOLUTION.name, solved=True)
    with Up(root, SOLUTION.name, port := free_port(), **foreign) as running:
        running.until("embedded (valkey")
        running.until("stop: Ctrl-C")
        with Visitor(f"http://localhost:{port}") as visitor:
            assert visitor.upload("photo.jpg", photos.jpeg(1000, 750)).refusal is None
        database = root / "playground" / SOLUTION.name / "data/db.sqlite3"
        with closing(sqlite3.connect(database, timeout=20)) as rows:
            resized = "SELECT count(*) FROM images_uploadedimage WHERE is_processed"
            assert until(lambda: rows.execute(resized).fetchone() == (1,), PATIENCE), running.text


def test_check_uses_its_own_broker_and_settings(foreign_shell):
    events = check_events(project.at(SOLUTION), step="3.1")
    assert events[-1] == Finished(), events[-1]
    assert [each for each in events if isinstance(each, Checked) and not each.passed] == []


def test_a_kernel_has_no_foreign_settings(foreign_shell, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, {".ipython/profile_default/startup/00.py": "import os\nos.environ['DEBUG'] = 'mine'\n"})
    site = SimpleNamespace(
        project=project.at(SOLUTION), data=SOLUTION, address="", broker_url="", flower_address=""
    )
    cell = nbformat.v4.new_code_cell("import json, os\nprint(json.dumps(dict(os.environ)))")
    done = execute.run(nbformat.v4.new_notebook(cells=[cell]), site)
    found = json.loads(done.cells[0].outputs[0].text)
    assert found.keys() & foreign_shell.keys() == set()


def test_servers_of_up_and_their_children_have_no_foreign_settings(foreign_shell):
    for service in (up.docs_site(free_port()), server.jupyter(free_port())):
        code = "import json, os; print(json.dumps(dict(os.environ)))"
        said = subprocess.check_output([sys.executable, "-c", code], env=service.environment, text=True)
        found = json.loads(said)
        assert found.keys() & foreign_shell.keys() == set()
        # A service runs `python -m workshop`, or a kernel that imports it.
        subprocess.run([sys.executable, "-c", "import workshop"], env=found, cwd="/", check=True)


def test_what_is_inherited(monkeypatch):
    wanted = {"LC_ALL": "C", "XDG_RUNTIME_DIR": "/run", "TERM": "dumb", "WORKSHOP_BROKER_PORT": "1"}
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    for name in ("PYTHONPATH", "PYTHONWARNINGS", "CELERYD_NODES", "REDIS_URL", "HOMEBREW_PREFIX"):
        monkeypatch.setenv(name, "x")
    found = environment.inherited()
    assert found.items() >= wanted.items()
    assert {"PYTHONPATH", "PYTHONWARNINGS", "CELERYD_NODES", "REDIS_URL", "HOMEBREW_PREFIX"}.isdisjoint(found)


def test_names_in_workshop_keep_are_passed_on(foreign_shell, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://localhost:1/3")
    monkeypatch.setenv(environment.KEEP, "DATABASE_URL, CELERY_BROKER_URL")
    kept = {name: foreign_shell[name] for name in ("DATABASE_URL", "CELERY_BROKER_URL")}
    kept |= {"REDIS_URL": "redis://localhost:1/3", environment.KEEP: "DATABASE_URL, CELERY_BROKER_URL"}
    solution = project.at(SOLUTION)
    for found in (solution.environment(), server.jupyter(free_port()).environment, environment.kept()):
        assert found.items() >= kept.items()
        assert "DEBUG" not in found
    # A site that has its own servers does not use them, and neither does what it starts.
    assert solution.environment(kept=False).keys().isdisjoint(kept)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ("NO_SUCH_SETTING", "names NO_SUCH_SETTING, but NO_SUCH_SETTING is not set in this shell"),
        ("DEBUG=0", "takes only names. Write DEBUG without its value"),
    ],
)
def test_a_wrong_name_in_workshop_keep_is_an_error(monkeypatch, tmp_path, kept, words):
    monkeypatch.setenv(environment.KEEP, kept)
    with pytest.raises(WorkshopError, match=re.escape(words)):
        environment.kept()
    root = startup.make_root(tmp_path, "01-sync")
    with Up(root, "01", free_port(), **{environment.KEEP: kept}) as running:
        assert running.end() == 1
    assert words in running.text
    assert "Traceback" not in running.text


def test_up_names_the_servers_that_it_uses(foreign_broker, tmp_path):
    """CELERY_BROKER_URL and DATABASE_URL, kept, with passwords that must not be shown."""
    root = startup.make_root(tmp_path, SOLUTION.name, solved=True)
    broker = foreign_broker.url.replace("://", "://default:secret@").replace("/0", "/5")
    own = {"CELERY_BROKER_URL": broker, "DATABASE_URL": f"sqlite:///{tmp_path}/own.sqlite3"}
    with Up(root, SOLUTION.name, free_port(), **own, **{environment.KEEP: " ".join(own)}) as running:
        running.until("stop: Ctrl-C")
        said = in_one_line(running.text)
        assert f" broker redis://…@localhost:{foreign_broker.port}/5 yours (CELERY_BROKER_URL) " in said
        assert re.search(r" results redis://localhost:\d+/0 embedded \(valkey", said)
        assert re.search(r" database sqlite:\S*own\.sqlite3 yours \(DATABASE_URL\) ", said)
        assert " kept CELERY_BROKER_URL DATABASE_URL " in said
        assert (tmp_path / "own.sqlite3").exists()
        assert "secret" not in running.text
        running.send(signal.SIGINT)
        running.end()
    with redis.Redis.from_url(foreign_broker.url.replace("/0", "/5")) as client:
        assert client.keys(), "the worker did not use that broker"
        client.flushall()


def test_doctor_says_which_settings_reach_only_a_command_typed_by_hand(foreign_shell, monkeypatch):
    monkeypatch.setenv(environment.KEEP, "ALLOWED_HOSTS")
    (found,) = [
        each for each in doctor.examine(project.at(SOLUTION), {}) if "ignores some settings" in each.summary
    ]
    assert found.ok
    names = re.search(r"\(([A-Z_, ]+)\)", found.summary)[1].split(", ")
    assert {"CELERY_BROKER_URL", "CELERY_CONFIG_MODULE", "DATABASE_URL", "DEBUG", "TIME_ZONE"} <= set(names)
    assert {"ALLOWED_HOSTS", "SWEEP_AFTER", "WEB_CONCURRENCY", "HTTP_PROXY", "PATH"}.isdisjoint(names)
    assert f'export WORKSHOP_KEEP="{" ".join(names)}"' in found.fix


ASKS_ITSELF = """
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler
from threading import Thread
from urllib.request import urlopen

import httpx
from workshop import cli

def asks(*_, **__):
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for host in ("127.0.0.1", "localhost"):
            address = f"http://{host}:{server.server_port}/"
            print(urlopen(address).status, httpx.get(address).status_code)
        server.shutdown()

cli.app = asks
cli.main()
"""


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
def test_the_command_line_reaches_loopback_without_the_proxy(tmp_path, name):
    shell = startup.environment(tmp_path) | {"NO_PROXY": "", "no_proxy": "", name: CLOSED}
    command = [sys.executable, "-c", ASKS_ITSELF]
    done = subprocess.run(command, env=shell, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "200 200\n" * 2, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("lower", "upper", "wanted"),
    [
        (None, None, "localhost,127.0.0.1,::1"),
        ("a.example, localhost", "b.example", "a.example,localhost,b.example,127.0.0.1,::1"),
        ("*", "b.example", "*"),
    ],
)
def test_hosts_that_the_shell_excludes_from_its_proxy_stay_excluded(monkeypatch, lower, upper, wanted):
    for name, value in (("no_proxy", lower), ("NO_PROXY", upper)):
        monkeypatch.delenv(name, raising=False)
        if value:
            monkeypatch.setenv(name, value)
    environment.bypass_proxies()
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == (wanted, wanted)


# Installers and tests need the shell's whole environment: its proxies, DOCKER_*, PLAYWRIGHT_*. Processes of a
# check inherit the environment of the check, which is clean, and those of a notebook the one of its kernel.
WHOLE = {
    "dev/test_suite.py",
    "dev/test_programs.py",
    "docsite/browser.py",
    "notebookkit/backups.py",
    "runtime/compose.py",
    "system/apt.py",
}


@pytest.mark.parametrize(
    "file", sorted(SOURCES.rglob("*.py")), ids=lambda each: each.relative_to(SOURCES).as_posix()
)
def test_only_one_module_cleans_an_environment(file):
    name = file.relative_to(SOURCES).as_posix()
    if name in WHOLE or name == "system/environment.py" or name.startswith("checkkit/"):
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("subprocess.run", "subprocess.Popen"):
            assert "env" in [word.arg for word in node.keywords], f"{name}:{node.lineno} inherits everything"
        copied = ast.unparse(node) in ("dict(os.environ)", "os.environ.copy()")
        if isinstance(node, ast.BinOp):
            copied = "os.environ" in (ast.unparse(node.left), ast.unparse(node.right))
        assert not copied, f"{name}:{node.lineno} copies everything"
