"""The columns of a photo's row agree, whatever the admin, the tasks and two connections do to it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workshop import paths
from workshop.runtime.broker import Broker
from workshop.system.ports import free_port

INSIDE = Path(__file__).with_name("photo_state_inside.py")
SOLUTIONS = sorted(folder.name for folder in paths.SOLUTIONS.glob("[0-9]*"))
QUEUED = [name for name in SOLUTIONS if name >= "03"]


@pytest.fixture(scope="module")
def broker():
    with Broker(prefer=None) as broker:
        yield broker.url


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """migrated(name) is a folder with the migrated database of a solution."""
    made = {}

    def make(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            environment = variables(made[name])
            run([sys.executable, "manage.py", "migrate", "-v0"], name, environment)
        return made[name]

    return make


def variables(data, **more):
    own = {
        name: value for name, value in os.environ.items() if name not in ("CELERY_BROKER_URL", "DATABASE_URL")
    }
    return (
        own
        | {
            "DATA_DIR": str(data),
            "DJANGO_SETTINGS_MODULE": "myproject.settings",
            "PYTHONPATH": str(paths.ROOT / "src"),
        }
        | more
    )


def run(command, name, environment):
    done = subprocess.run(
        command, cwd=paths.SOLUTIONS / name, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def inside(migrated, tmp_path):
    """inside(name, test, url) runs a test of photo_state_inside.py in a solution, with a fresh database."""

    def start(name, test, url):
        data = tmp_path / "data"
        shutil.copytree(migrated(name), data)
        run([sys.executable, str(INSIDE), test], name, variables(data, REDIS_URL=url))

    return start


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize(
    "test",
    [
        "the_database_refuses_contradictions",
        "each_possible_row_has_a_page",
        "the_admin_changes_no_column",
        "deletion_removes_the_files",
        "a_deleted_photo_leaves_no_resized_file",
        "a_late_failure_does_not_undo_a_resize",
        "a_resize_clears_the_failure",
        "failures_and_resizes_at_once",
    ],
)
def test_state(inside, broker, name, test):
    inside(name, test, broker)


@pytest.mark.parametrize("name", QUEUED)
def test_the_admin_retries(inside, name):
    with Broker(prefer=None) as own:
        inside(name, "the_admin_retries", own.url)


@pytest.mark.parametrize("name", QUEUED)
def test_the_admin_retries_without_a_broker(inside, name):
    inside(name, "the_admin_retries_without_a_broker", f"redis://localhost:{free_port()}/0")


def test_deliveries_are_not_edited(inside, broker):
    inside("05-beat", "deliveries_are_not_edited", broker)
