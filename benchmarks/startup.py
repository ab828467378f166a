"""Measure how long processes take to print that they are ready."""

import contextlib
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system.child import Child
from workshop.system.environment import inherited
from workshop.system.ports import free_port

STOP_SECONDS = 60.0


class Output:
    """Reads the output of a process line by line."""

    def __init__(self, process: Child):
        self._process, self._lines = process, process.lines()

    def wait_for(self, text: str) -> str:
        """Wait for the next line that contains `text`, and return the line.

        Raises:
            WorkshopError: If the process exited without printing the text.
        """
        for line in self._lines:
            if text in line:
                return line
        last = self._process.last_lines(20)
        raise WorkshopError(f"{self._process.command} exited without printing {text!r}.\n{last}")


@contextlib.contextmanager
def running(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[Output]:
    """Run a process for the duration of the `with` block, and then stop it as Ctrl-C would.

    Yields:
        The output of the process.
    """
    with Child(command, folder=folder, environment=environment) as process:
        try:
            yield Output(process)
        finally:
            process.signal(signal.SIGINT)
            process.wait(STOP_SECONDS)


def seconds_until(text: str, command: Sequence[str], folder: Path, environment: dict[str, str]) -> float:
    """Start a process, and return how many seconds pass until it prints `text`.

    The process is stopped afterwards.
    """
    start = time.perf_counter()
    with running(command, folder, environment) as output:
        output.wait_for(text)
        return time.perf_counter() - start


def workshop(*arguments: str) -> list[str]:
    """Return the command line that runs `./workshop` with `arguments` but skips the setup."""
    return [sys.executable, "-P", "-m", "workshop", *arguments]


def environment(root: Path) -> dict[str, str]:
    """Return the environment variables for a workshop in the folder `root` that has its own broker."""
    return inherited() | {
        "WORKSHOP_ROOT": str(root),
        "WORKSHOP_BROKER_PORT": str(free_port()),
        "PYTHONPATH": str(paths.SOURCES),
        "PYTHONUNBUFFERED": "1",
    }


def make_root(root: Path, *lessons: str, solved: bool = False) -> Path:
    """Create a workshop folder in which a learner has started the given lessons.

    Args:
        root: The folder to create.
        *lessons: The names of the lessons in the learner's playground.
        solved: Whether the learner has finished these lessons.

    Returns:
        The path of the new folder.
    """
    for part in (paths.LESSONS, paths.SOLUTIONS):
        shutil.copytree(part, root / part.name, ignore=shutil.ignore_patterns("data", "__pycache__"))
    for lesson in lessons:
        project = root / ("solutions" if solved else "lessons") / lesson
        shutil.copytree(project, root / "playground" / lesson)
    return root
