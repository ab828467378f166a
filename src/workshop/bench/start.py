"""Measure how long a process of the workshop takes until it prints that it is ready."""

import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from workshop import paths
from workshop.errors import WorkshopError
from workshop.system import signals
from workshop.system.environment import inherited
from workshop.system.ports import free_port

MINUTE = 60.0


class Talking:
    """A process whose output is read line by line. The context manager stops the process with Ctrl-C."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]):
        self.command, self.said = command, []
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def until(self, text: str) -> str:
        """Wait for a line with `text` and return it. Raises WorkshopError if the process exits first."""
        for line in self._process.stdout:
            self.said.append(line)
            if text in line:
                return line
        raise WorkshopError(
            f"{shlex.join(self.command)} exited without printing {text!r}.\n{''.join(self.said[-20:])}"
        )

    def __enter__(self) -> "Talking":
        return self

    def __exit__(self, *exc_info) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.communicate(timeout=MINUTE)
        except subprocess.TimeoutExpired:
            signals.to_group(self._process.pid)
            self._process.communicate()


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
