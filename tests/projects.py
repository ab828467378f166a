"""The lessons' projects as processes: copies of them, their environment, and their commands."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workshop import paths
from workshop.course import lessons
from workshop.runtime import temporary_servers
from workshop.system.child import Child
from workshop.system.environment import inherited
from workshop.system.ports import free_port
from workshop.system.waiting import until

LESSONS = lessons.all_lessons()
SOLUTIONS = [lesson.name for lesson in LESSONS]
IN_PROJECT = Path(__file__).parent / "in_project"
PATIENCE = 300
"""Seconds for a command of a project, or for a server to respond. On an idle machine, none takes 30."""
PRODUCTION = {"DEBUG": "0", "SECRET_KEY": "x" * 25 + "abcdefghijklmnopqrstuvwxyz0123456789"}
"""The variables that every site on a server needs."""

NOT_UPRIGHT = ("return picture if turn is None else picture.transpose(turn)", "return picture")
ALWAYS_PNG = ('return "PNG" if picture.has_transparency_data else "JPEG"', 'return "PNG"')
"""Mistakes in images/resizing.py of lesson 01: the first fails step 1.2, the second step 1.3."""

each_project = pytest.mark.parametrize(
    "folder",
    [folder for lesson in LESSONS for folder in (lesson.folder, lesson.solution)],
    ids=lambda folder: f"{folder.parent.name}-{folder.name}",
)
"""The starters and the solutions."""


def since(number: str) -> list[str]:
    """Return the names of the solutions from lesson `number` ("03") to the last."""
    return [name for name in SOLUTIONS if name >= number]


def copy_of(project: Path, target: Path) -> Path:
    """Copy a project without its data, and return `target`."""
    return shutil.copytree(project, target, ignore=shutil.ignore_patterns("data", "__pycache__"))


class Project:
    """A project whose commands run with its own data and without this shell's settings.

    folder: the project. data: for its database, photos and so on. environment: more variables.
    """

    def __init__(self, folder: Path, data: Path, **environment: str):
        self.folder, self.data = folder, data
        self.environment = inherited() | {
            "DATA_DIR": str(data),
            "DJANGO_SETTINGS_MODULE": "myproject.settings",
            "PATH": f"{Path(sys.executable).parent}:{inherited()['PATH']}",
            "PYTHONPATH": str(paths.SOURCES),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.environment |= environment

    def python(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's folder until it exits."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def run(self, *arguments: str | Path, fails: bool = False, **environment: str) -> str:
        """Run Python, and return what it prints; with `fails`, the errors of a run that has to fail."""
        done = self.python(*arguments, **environment)
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return (done.stderr if fails else done.stdout).strip()

    def manage(self, *arguments: str, fails: bool = False, **environment: str) -> str:
        """Run manage.py. Returns the same as `run`."""
        return self.run("manage.py", *arguments, fails=fails, **environment)

    def shell(self, code: str, **environment: str) -> str:
        """Run code in `manage.py shell`, and return what it prints."""
        return self.manage("shell", "-v0", "-c", code, **environment)

    def call(self, function: str, *arguments: str, **environment: str) -> Any:
        """Call a function of tests/in_project/ inside the project ("photo_state.the_admin_retries").

        Returns what the function returns, if JSON can express it.
        """
        printed = self.run(IN_PROJECT / "run.py", function, *arguments, **environment)
        return json.loads(printed.splitlines()[-1])

    def start(self, *arguments: str | Path, **environment: str) -> Child:
        """Start Python in the project's folder. Use the process as a context manager."""
        command = [sys.executable, *arguments]
        return Child(command, folder=self.folder, environment=self.environment | environment)

    def celery(self, *arguments: str, **environment: str) -> Child:
        """Start `celery -A myproject` with `arguments`."""
        return self.start("-m", "celery", "-A", "myproject", *arguments, **environment)

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the migrated project with runserver, and yield its address."""
        self.manage("migrate", "-v0")
        port = free_port()
        address = f"http://localhost:{port}"
        with self.start("manage.py", "runserver", "--noreload", str(port)) as server:
            until(lambda: temporary_servers.answers(address) or not server.running, PATIENCE)
            assert temporary_servers.answers(address), server.output
            yield address
