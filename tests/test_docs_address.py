"""Where a step can be read: on the docs site while it is served, otherwise with a command."""

import json
import signal
import sys

import httpx
import psutil
import pytest
import smallchain
from files import write_text
from printed_text import in_one_line
from workshop_process import PATIENCE

from benchmarks import startup
from workshop import paths
from workshop.checks.events import Checked, Collected, Failure
from workshop.checks.report import Report
from workshop.commands import hints, up
from workshop.course import lessons, playground
from workshop.runtime import docs_address
from workshop.system.child import Child
from workshop.system.ports import free_port, is_free
from workshop.system.waiting import until

HOW = "./workshop docs, step 1.1"


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = smallchain.build(tmp_path.resolve())
    smallchain.use(root, monkeypatch)
    write_text(root / "mkdocs.yml", "site_name: Tiny\n")
    write_text(root / "docs/index.md", "# Tiny\n")
    return root


def place():
    lesson = lessons.find("1")
    return docs_address.place_of(lesson, lesson.step("1.1"))


def serve(root, port):
    return Child(startup.workshop("docs", "--port", str(port)), environment=startup.environment(root))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_address_is_named_while_the_docs_are_served(root, number):
    assert place() == HOW
    port = free_port()
    server = serve(root, port)
    try:
        address = f"http://localhost:{port}"
        assert until(lambda: docs_address.address() == address, PATIENCE)
        assert httpx.get(address).status_code == 200
        assert place() == f"{address}/lessons/01-one/#step-1-1"
        server.signal(number)
        server.wait(60)
    finally:
        server.stop()
    assert place() == HOW
    assert list(paths.STATE.glob("docs-*")) == []


def test_the_docs_that_up_starts_are_found(root):
    port = free_port()
    service = up.docs_site(port)
    variables = service.environment | {"WORKSHOP_ROOT": str(root), "PYTHONPATH": str(paths.SOURCES)}
    with Child(service.shell_command, folder=service.folder, environment=variables):
        assert until(lambda: docs_address.address() == f"http://localhost:{port}", PATIENCE)


def test_of_two_servers_the_one_that_is_left_is_named(root):
    first, second = free_port(), free_port()
    servers = {port: serve(root, port) for port in (first, second)}
    try:
        assert until(lambda: len(list(paths.STATE.glob("docs-*.json"))) == 2, PATIENCE)
        servers[first].stop()
        assert until(lambda: docs_address.address() == f"http://localhost:{second}", PATIENCE)
    finally:
        for server in servers.values():
            server.stop()


def test_a_server_of_another_program_is_not_named(root):
    """On the port, or under the process number, that a killed docs server had."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    waiting = [sys.executable, "-c", "input()"]
    with Child(command, folder=root) as foreign, Child(waiting, leash=True) as silent:
        assert until(lambda: not is_free(port), PATIENCE)
        created = psutil.Process(foreign.pid).create_time()
        for identity in (
            {"pid": foreign.pid, "create_time": created - 100},
            {"pid": silent.pid, "create_time": psutil.Process(silent.pid).create_time()},
            {},
        ):
            write_text(paths.STATE / f"docs-{port}.json", json.dumps({"port": port} | identity))
            assert place() == HOW


def test_check_and_hint_name_the_place(root, capsys, monkeypatch):
    copy = playground.start(lessons.find("1"))
    for address, where in {
        None: HOW,
        "http://localhost:8005": "http://localhost:8005/lessons/01-one/#step-1-1",
    }.items():
        monkeypatch.setattr(docs_address, "address", lambda found=address: found)
        report = Report(copy, "1.1")
        report.add(Collected(steps=["1.1"]))
        report.add(Checked(step="1.1", about="", failure=Failure(what="wrong.")))
        report.print_summary()
        assert f"  Next: ./workshop hint 1.1\n  Read: {where}\n" in capsys.readouterr().out
        step = lessons.Step("1.1", "One", [], [])
        hints.show(copy.lesson, step)
        assert in_one_line(capsys.readouterr().out) == f"Step 1.1 has no hints. Read the step again: {where}"
