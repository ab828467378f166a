"""Who may open the finished site on a server, and what a full disk does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workshop import paths

SERVER = {
    "DEBUG": "0",
    "SECRET_KEY": "x" * 25 + "abcdefghijklmnopqrstuvwxyz0123456789",
    "ALLOWED_HOSTS": "testserver",
}


def run(tmp_path, *command, **environment):
    for name in ("LOGIN_REQUIRED", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
        environment.setdefault(name, None)
    variables = os.environ | SERVER | {"DATA_DIR": str(tmp_path), "PYTHONPATH": "."} | environment
    return subprocess.run(
        [sys.executable, *command],
        cwd=paths.SOLUTIONS / "05-beat",
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ["without_an_account", "on_a_full_disk"])
def test_on_a_server(tmp_path, name):
    done = run(tmp_path, str(Path(__file__).with_name("login_inside.py")), name)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variables", [{"LOGIN_REQUIRED": "0"}, {"DEBUG": "1"}])
def test_without_a_login_on_ones_own_machine(tmp_path, variables):
    done = run(tmp_path, str(Path(__file__).with_name("login_inside.py")), "open_site", **variables)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("variables", "complains"),
    [({}, False), ({"LOGIN_REQUIRED": "1"}, False), ({"LOGIN_REQUIRED": "0"}, True), ({"DEBUG": "1"}, False)],
)
def test_a_deployment_check_complains_about_a_site_without_login(tmp_path, variables, complains):
    done = run(tmp_path, "manage.py", "check", "--deploy", **variables)
    assert ("(upkeep.E002)" in done.stderr) == complains, done.stderr
    assert (done.returncode == 1) == complains
