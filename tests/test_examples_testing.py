"""docs/examples/testing: its tests pass on the solution, and fail if a task is broken."""

import os
import re
import subprocess
import sys

import pytest
import servers
from files import edit
from projects import copy_of

from workshop import paths

EXAMPLE = paths.DOCS / "examples/testing"
SOLUTION = paths.ROOT / "solutions/03-images"

BROKEN = {
    "sent before the commit": (
        "images/queueing.py",
        "transaction.on_commit(partial(enqueue, photos))",
        "enqueue(photos)",
        {"test_an_upload_that_is_rolled_back_sends_nothing", "test_without_a_real_commit"},
    ),
    "an error page when the broker is down": (
        "images/queueing.py",
        "except OperationalError as error:",
        "except ZeroDivisionError as error:",
        {"test_an_upload_is_saved_while_the_broker_is_down"},
    ),
    "the photo instead of its id": (
        "images/queueing.py",
        "resize_image_task.delay(photo.pk)",
        "resize_image_task.delay(photo.name)",
        {"test_an_upload_sends_one_message_with_the_id"},
    ),
    "nothing is retried": (
        "images/tasks.py",
        "TRANSIENT = (ConnectionError, TimeoutError, *DATABASE_ERRORS)",
        "TRANSIENT = (TimeoutError, *DATABASE_ERRORS)",
        {"test_a_storage_that_comes_back"},
    ),
    "a second file at the second run": (
        "myproject/settings.py",
        '"OPTIONS": {"allow_overwrite": True},',
        "",
        {"test_twice_leaves_one_file"},
    ),
    "a result that JSON cannot hold": (
        "images/tasks.py",
        '"size": [picture.width, picture.height]',
        '"size": {picture.width, picture.height}',
        {"test_a_thread_finds_what_is_committed"},
    ),
}


@pytest.fixture
def copy(tmp_path):
    return copy_of(SOLUTION, tmp_path / "03-images")


def run(project, *arguments, **environment):
    """The example's pytest, as the page says it: typed in the project's folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "DJANGO_", "TEST_REDIS"))}
    kept |= {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"} | environment
    command = [sys.executable, "-m", "pytest", str(EXAMPLE), "-q", "--tb=line", *arguments]
    return subprocess.run(command, cwd=project, env=kept, capture_output=True, text=True, timeout=300)


def test_the_example_passes(copy, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(copy, TMPDIR=str(temporary))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "15 passed" in done.stdout
    assert list(temporary.iterdir()) == [], "it leaves nothing behind"
    assert not (copy / "data").exists(), "and does not touch the project's own data"


def test_settings_that_read_no_variables(copy):
    """The example needs nothing from the project's settings, and never uses the broker in the environment."""
    edit(
        copy / "myproject/settings.py",
        ('Path(os.environ.get("DATA_DIR") or BASE_DIR / "data")', 'BASE_DIR / "data"'),
        ('os.environ.get("REDIS_URL", "redis://localhost:6379/0")', '"redis://localhost:1/0"'),
    )
    tests = "an_upload or result"
    done = run(copy, "-k", tests, WAIT_SECONDS="60", CELERY_BROKER_URL="redis://localhost:1/0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((copy / "data").iterdir()) == [], "it does not touch the project's own data"


def test_the_worker_uses_the_test_database_of_postgresql(copy):
    with servers.postgres() as address:
        done = run(copy, "-k", "test_worker", DATABASE_URL=address, WAIT_SECONDS="60")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_task_is_found(copy, what):
    file, right, wrong, tests = BROKEN[what]
    edit(copy / file, (right, wrong))
    done = run(copy, "-k", " or ".join(tests), WAIT_SECONDS="10")
    failed = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.M))
    assert failed == tests, done.stdout + done.stderr
