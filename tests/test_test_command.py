"""`./workshop test`: what it installs, what it skips, and that the hosted checks call nothing else."""

import os
import re
import subprocess
import sys

import needs
import pytest

from workshop import paths
from workshop.dev import test_programs, test_suite
from workshop.docsite import browser
from workshop.errors import WorkshopError
from workshop.system import apt

QUICK_BROWSER_TEST = "tests/browser/test_visitor.py::test_errors_of_a_page_are_noticed"


@pytest.fixture
def bare_machine(tmp_path):
    """The environment of a machine without a browser, apt-get and network; not a hosted runner."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("env", "git", "sh"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    nowhere = "http://127.0.0.1:9"
    keep = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return keep | {
        "PATH": str(programs),
        "PYTHONPATH": str(paths.ROOT / "src"),
        "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "nothing-downloaded"),
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
    }


def run_test(environment, *arguments):
    command = [sys.executable, "-m", "workshop", "test", "-p", "no:cacheprovider", *arguments]
    run = subprocess.run(
        command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return run.returncode, " ".join((run.stdout + run.stderr).split())


def test_without_a_browser_its_tests_are_skipped_with_the_command_that_installs_it(bare_machine):
    code, said = run_test(bare_machine, "-n0", QUICK_BROWSER_TEST)
    assert code == 0, said
    line = "1 skipped: Chromium is not installed. To run these tests: ./workshop dev browser"
    assert said.count(line) == 1, said
    assert "Everything passed." in said


def test_without_a_browser_a_hosted_run_fails_before_its_tests(bare_machine):
    code, said = run_test(bare_machine | {"CI": "true"}, "-n0", QUICK_BROWSER_TEST)
    assert code == 1, said
    assert "Chromium could not be installed." in said
    assert "skipped" not in said
    assert "pytest" not in said, "it said so only after the tests"


def test_the_settings_of_a_shell_make_no_test_fail(bare_machine):
    """With GITHUB_ACTIONS, which each hosted run sets, Typer prints its errors in color."""
    shell = {
        "GITHUB_ACTIONS": "true",
        "FORCE_COLOR": "1",
        "TERM": "dumb",
        "ALL_PROXY": "socks5://127.0.0.1:9",
    }
    chosen = "70000-docs or as_long_as_that_is or a_server_of_another_program or the_docs_are_served and 15"
    files = ("tests/test_cli.py", "tests/test_console.py", "tests/test_docs_address.py")
    code, said = run_test(bare_machine | shell, "-n1", *files, "-k", chosen)
    assert code == 0, said
    assert "4 passed" in said


@pytest.mark.parametrize(
    ("argument", "names"),
    [("tests", True), (QUICK_BROWSER_TEST, True), ("-q", False), (" or ".join(["a_long_name"] * 100), False)],
    ids=["folder", "test", "option", "long expression"],
)
def test_arguments_that_name_tests_are_recognized(argument, names):
    assert test_suite.names_tests(argument) is names


def test_each_kind_of_skipped_test_is_one_line(tmp_path):
    """Three tests, two reasons, in two processes as `./workshop test` runs them."""
    file = tmp_path / "test_skips.py"
    file.write_text(
        "import needs, pytest\n"
        "@pytest.mark.parametrize('number', range(2))\n"
        "def test_of_docker(number): needs.docker()\n"
        "def test_of_the_system(): pytest.skip('no fish here. To run this test: buy one')\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{paths.ROOT / 'src'}:{paths.ROOT / 'tests'}"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-n",
        "2",
        "--rootdir",
        str(paths.ROOT),
    ]
    command += ["-c", str(paths.ROOT / "pyproject.toml"), "-p", "conftest", str(file)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = [line for line in run.stdout.splitlines() if " skipped: " in line]
    assert lines == [
        "2 skipped: Docker is not used. To run these tests, with Docker and Compose v2: "
        "./workshop test --docker",
        "1 skipped: no fish here. To run this test: buy one",
    ], run.stdout + run.stderr


@pytest.mark.parametrize(("ci", "installable"), [("", True), ("false", True), ("true", False)])
def test_a_missing_server_is_skipped_where_it_is_not_to_be_had(monkeypatch, ci, installable):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(test_programs, "missing", lambda: ["RabbitMQ"])
    monkeypatch.setattr(apt, "available", lambda: installable)
    with pytest.raises(pytest.skip.Exception, match=r"RabbitMQ is not installed.*: \./workshop dev tools$"):
        needs.tool("RabbitMQ")
    needs.tool("nginx")


def test_a_missing_server_fails_on_a_hosted_runner(monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(test_programs, "missing", lambda: ["RabbitMQ"])
    monkeypatch.setattr(apt, "available", lambda: True)
    with pytest.raises(pytest.fail.Exception, match="RabbitMQ is not installed"):
        needs.tool("RabbitMQ")


@pytest.mark.parametrize(
    ("ci", "apt_get", "calls"),
    [("", True, ["ensure"]), ("true", True, ["main", "tools"]), ("true", False, ["main"])],
)
def test_what_is_installed_before_all_tests(monkeypatch, ci, apt_get, calls):
    ran = []
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(apt, "available", lambda: apt_get)
    monkeypatch.setattr(browser, "ensure", lambda: ran.append("ensure"))
    monkeypatch.setattr(browser, "main", lambda: ran.append("main"))
    monkeypatch.setattr(test_programs, "main", lambda: ran.append("tools"))
    test_suite.prepare()
    assert ran == calls


def test_tools_that_cannot_be_installed_are_named(monkeypatch, capsys):
    monkeypatch.setattr(apt, "install", lambda *packages: False)
    monkeypatch.setattr(test_programs, "missing", lambda: ["RabbitMQ", "nginx"])
    with pytest.raises(WorkshopError, match=r"^Not installed: RabbitMQ, nginx\. .* apt-get install rabbitmq"):
        test_programs.main()


def test_the_hosted_checks_call_exactly_the_command_of_the_readme():
    readme = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    contributing = (paths.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    script = (paths.ROOT / ".ci/run").read_text(encoding="utf-8")
    assert re.findall(r"^(?:exec )?\./workshop .*", script, re.M) == ["exec ./workshop test"]
    for text in readme, contributing:
        first = re.search(r"^ {4}(\./workshop (?:test|dev)\b.*?)(?: +#.*)?$", text, re.M)
        assert first[1] == "./workshop test"
