"""Measure how long a process of the workshop takes until it prints that it is ready."""

import shutil
import signal
import sys
import time
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system.child import Child
from workshop.system.environment import inherited
from workshop.system.ports import free_port

MINUTE = 60.0


class Talking:
    """A process whose output is read line by line. The context manager stops the process with Ctrl-C."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]):
        self._child = Child(command, folder=folder, environment=environment)
        self._lines = self._child.lines()

    def until(self, text: str) -> str:
        """Wait for a line with `text` and return it. Raises WorkshopError if the process exits first."""
        for line in self._lines:
            if text in line:
                return line
        last = self._child.last_lines(20)
        raise WorkshopError(f"{self._child.command} exited without printing {text!r}.\n{last}")

    def __enter__(self) -> "Talking":
        return self

    def __exit__(self, *exc_info) -> None:
        self._child.signal(signal.SIGINT)
        self._child.wait(MINUTE)
        self._child.stop()


def seconds_until(text: str, command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Start a process, stop it once it prints `text`, and return the seconds between start and text."""
    started = time.perf_counter()
    with Talking(command, folder, environment) as process:
        process.until(text)
        return time.perf_counter() - started


def workshop(*arguments: str) -> list[str]:
    """The command line of `./workshop` with `arguments`, without the set-up."""
    return [sys.executable, "-P", "-m", "workshop", *arguments]


def environment(root: Path) -> dict[str, str]:
    """The environment for a `./workshop` whose learner works in `root`, with its own broker."""
    return inherited() | {
        "WORKSHOP_ROOT": str(root),
        "WORKSHOP_BROKER_PORT": str(free_port()),
        "PYTHONPATH": str(paths.SOURCES),
        "PYTHONUNBUFFERED": "1",
    }


def learners(folder: Path, *lessons: str, solved: bool = False) -> Path:
    """Create a workshop in `folder` in which `lessons` are started, or finished if `solved`."""
    for part in (paths.LESSONS, paths.SOLUTIONS):
        shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("data", "__pycache__"))
    for lesson in lessons:
        shutil.copytree(
            folder / ("solutions" if solved else "lessons") / lesson, folder / "playground" / lesson
        )
    return folder
