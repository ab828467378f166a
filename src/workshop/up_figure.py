"""How long `./workshop up` takes until all is ready, against starting its slowest process alone."""

import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from . import paths, project
from .broker import Broker
from .console import console
from .errors import WorkshopError
from .figures import Goal, in_turn, spread
from .ports import free_port
from .services import from_procfile

LESSON = "03-images"
ROUNDS = 3
GOAL = 1.5
READY_LINES = {"web": "Starting development server", "worker": " ready."}
"""What a process writes when it is ready."""
MINUTE = 60.0


def measure() -> list[Goal]:
    """Start lesson 03 in a workshop of its own, in turn with each process alone; print, return the goal.

    Raises WorkshopError when something does not get ready.
    """
    with tempfile.TemporaryDirectory(prefix="workshop-figure-") as folder, Broker(prefer=None) as broker:
        root = _workshop(Path(folder))
        ways = {"up": partial(_up, root)}
        for name, command, environment in _processes(root, broker.url):
            ways[name] = partial(
                seconds_until, READY_LINES[name], command, root / "playground" / LESSON, environment
            )
        seconds = in_turn(ways, ROUNDS)  # the first `up`, which has migrations to do, is not counted
    for name, times in seconds.items():
        shown = f"the second ./workshop up {LESSON}" if name == "up" else f"{name} alone"
        console.print(f"  {shown}: {spread(times)}", markup=False, soft_wrap=True)
    slowest = max(
        (name for name in seconds if name != "up"), key=lambda name: statistics.median(seconds[name])
    )
    ratio = statistics.median(seconds["up"]) / statistics.median(seconds[slowest])
    return [Goal(f"up / {slowest} alone", ratio, GOAL, at_most=True)]


def seconds_until(text: str, command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Start a process, and end it with Ctrl-C once it writes `text`: the seconds between start and text.

    Raises WorkshopError when it ends without that.
    """
    started, output, found = time.perf_counter(), [], None
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        for line in process.stdout:
            output.append(line)
            if text in line:
                found = time.perf_counter() - started
                break
    finally:
        _end(process)
    if found is None:
        raise WorkshopError(f"{shlex.join(command)} ended and never wrote {text!r}.\n{''.join(output[-20:])}")
    return found


def _end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=MINUTE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _workshop(folder: Path) -> Path:
    """A workshop in which lesson 03 is started."""
    for part in (paths.LESSONS, paths.SOLUTIONS):
        shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("data", "__pycache__"))
    shutil.copytree(folder / "lessons" / LESSON, folder / "playground" / LESSON)
    return folder


def _up(root: Path) -> float:
    environment = os.environ | {
        "WORKSHOP_ROOT": str(root),
        "WORKSHOP_BROKER_PORT": str(free_port()),
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONUNBUFFERED": "1",
    }
    for name in ("REDIS_URL", "DATABASE_URL", "DATA_DIR"):
        environment.pop(name, None)
    command = [sys.executable, "-P", "-m", "workshop", "up", LESSON, "--port", str(free_port())]
    return seconds_until("ready in", command, root, environment)


def _processes(root: Path, redis_url: str) -> list[tuple[str, list[str], dict[str, str]]]:
    port = free_port()
    started = project.at(root / "playground" / LESSON)
    environment = started.environment(redis_url, port=port)
    environment.pop("DATABASE_URL", None)
    return [
        (service.name, ["sh", "-c", service.shell_command], environment)
        for service in from_procfile(started, environment, port)
        if service.name in READY_LINES
    ]
