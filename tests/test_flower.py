"""The settings of Flower: a free port, and a password that only this machine knows."""

import contextlib
import secrets
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from projects import Project

from workshop import paths
from workshop.runtime import flower
from workshop.system.ports import free_port


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "STATE", tmp_path / ".workshop")
    return paths.STATE


def test_the_password_is_made_once_and_for_its_owner_alone(state):
    made = flower.password()
    assert len(made) >= 12
    assert flower.password() == made
    file = state / "flower-password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() == made


def test_two_that_make_it_at_once_make_one(state, monkeypatch):
    """For example `up` and `demo`, started at the same moment in a new clone."""
    both = threading.Barrier(2)

    def slowly(length, real=secrets.token_urlsafe):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(1)  # a second one comes here only without a lock
        return real(length)

    monkeypatch.setattr(secrets, "token_urlsafe", slowly)
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: flower.password(), range(2))
    assert one == other == flower.password()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_password_that_cannot_be_read_is_made_anew(state, content):
    state.mkdir()
    file = state / "flower-password"
    file.write_bytes(content)
    file.chmod(0o644)
    made = flower.password()
    assert made
    assert flower.password() == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_machines_have_two_passwords(state):
    first = flower.password()
    (state / "flower-password").unlink()
    assert flower.password() != first


def test_what_flower_reads(state, monkeypatch):
    monkeypatch.setattr(flower, "PORT", free_port())
    found = flower.environment()
    assert found == {
        "FLOWER_PORT": str(flower.PORT),
        "FLOWER_BASIC_AUTH": f"workshop:{flower.password()}",
    }
    assert flower.environment(4321)["FLOWER_PORT"] == "4321"


def test_another_port_when_the_usual_one_is_taken(state, busy_port, monkeypatch):
    monkeypatch.setattr(flower, "PORT", busy_port)
    assert flower.environment()["FLOWER_PORT"] != str(flower.PORT)


@pytest.fixture
def project(tmp_path):
    """solutions/04-flower, whose Flower has a free port."""
    return Project(paths.SOLUTIONS / "04-flower", tmp_path, FLOWER_PORT=str(free_port()))


def test_a_busy_port_is_said_in_a_sentence(project, busy_port):
    variables = {"FLOWER_PORT": str(busy_port), "FLOWER_BASIC_AUTH": "me:secret"}
    run = project.python("-m", "celery", "-A", "myproject", "flower", **variables)
    assert run.returncode == 1
    assert f"Port {busy_port} is taken. Choose another:" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "login",
    [
        None,
        "",
        "admin",
        "admin:",
        ":secret",
        ":",
        "admin:pa,ss",
        "admin:se cret",
        "admin: ",
        "ädmin:x",
        "admin:pässword",
    ],
)
def test_flower_does_not_start_with_a_login_that_does_not_protect_it(project, login):
    """An empty login, one that Flower cuts at a comma, or one with which each request ends with a 500."""
    run = project.python("flowerconfig.py", **({} if login is None else {"FLOWER_BASIC_AUTH": login}))
    assert run.returncode == 1
    assert run.stderr.startswith("Flower needs a password. Set it:  export FLOWER_BASIC_AUTH=name:password\n")
    assert "Traceback" not in run.stderr


def test_flower_takes_every_login_that_it_can_check(project):
    project.run("flowerconfig.py", FLOWER_BASIC_AUTH="me:a:b;!~#$%^&*()'\"\\")
