"""Measure how long a learner waits for the setup, for `./workshop up`, and for the verdict of a check."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import startup
from benchmarks.measuring import measure_in_turn, ratio
from benchmarks.section import Goal, Section, Table
from workshop import paths
from workshop.checkkit.worker import QUICK_START, READY
from workshop.checks.runner import PROCESSES
from workshop.course import project
from workshop.errors import WorkshopError
from workshop.runtime.broker import Broker
from workshop.runtime.procfile import from_procfile
from workshop.system.percentiles import spread
from workshop.system.ports import free_port

LESSONS = ("01-sync", "02-celery-basics", "03-images", "04-flower", "05-beat")
ROUNDS = 3
UP, UP_GOAL, VERDICT_GOAL = "03-images", 1.5, 1.5
READY_LINES = {"web": "Starting development server", "worker": READY}
"""For each process, the text that it prints once it is ready."""
DJANGO = [sys.executable, "-c", "import django; django.setup(); print('done')"]
CELERY = [sys.executable, "-m", "celery", "-A", "myproject"]
WORKER = [*CELERY, "worker", "--loglevel", "INFO", "--concurrency", "2", *QUICK_START]
WATCHED = "images/views.py"
THINKING, QUICK_THINKING = 5.0, 0.5
"""Seconds between a verdict and the next save. A real learner would think for longer."""
REMARKS = (
    "The startup time in the goals is the sum of two times: the time a Python interpreter needs to load "
    "Django and, from lesson 02 on, the time a worker needs until it is ready. A check starts the "
    "interpreter and the worker at the same time. `watch` loads the libraries for its next run before the "
    "learner saves.",
    "`watch` starts with the step that failed last, which is the step the learner is working on. So the "
    "learner only has to wait for the line of the first step. The startup time of lesson 01 doesn't include "
    "a worker. The check of step 5.1 starts a real Celery beat process and waits until beat has sent a task.",
    "The last verdict appears when all checks of the lesson have passed, including the checks that the "
    "lesson keeps from earlier lessons. These checks resize photos, kill a worker and run without a broker, "
    f"which takes time. The checks are split between {PROCESSES} processes, each of which has its own broker "
    "and worker. So the time that one worker needs to start is not a realistic goal for the last verdict.",
)

Seconds = dict[str, list[float]]
"""The durations of each measurement in seconds, by name."""


def measure(quick: bool) -> Section:
    """Take all measurements, or only those of the first lesson if `quick` is True."""
    lessons, rounds, thinking = (LESSONS[:1], 1, QUICK_THINKING) if quick else (LESSONS, ROUNDS, THINKING)
    with tempfile.TemporaryDirectory(prefix="workshop-bench-", ignore_cleanup_errors=True) as folder:
        root = startup.make_root(Path(folder, "root"), *lessons, solved=True)
        first_start = None if quick else set_up(Path(folder, "fresh"))
        up = {} if quick else _up(Path(folder, "up"), rounds)
        with Broker(prefer=None) as broker:
            seconds = {lesson: _lesson(root, lesson, broker.url, rounds, thinking) for lesson in lessons}
    return _section(first_start, up, seconds, rounds)


def set_up(folder: Path) -> float:
    """Copy the files in git to `folder`, and run `./workshop --version` in the copy.

    Returns:
        The number of seconds until the command prints the version.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=paths.ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.ROOT / name, folder / name)
    venv = str(Path(sys.executable).parent)
    path = os.pathsep.join(name for name in os.environ["PATH"].split(os.pathsep) if name != venv)
    environment = os.environ | {"PATH": path}
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "WORKSHOP_ROOT"):
        environment.pop(name, None)
    return startup.seconds_until("workshop ", ["./workshop", "--version"], folder, environment)


def _up(folder: Path, rounds: int) -> Seconds:
    """Measure in turn the startup times of `./workshop up` and of each of its processes alone.

    The first `./workshop up` is not counted, because it runs the migrations.
    """
    root = startup.make_root(folder, UP)

    def up() -> float:
        command = startup.workshop("up", UP, "--port", str(free_port()))
        return startup.seconds_until("ready in", command, root, startup.environment(root))

    with Broker(prefer=None) as broker:
        return measure_in_turn({"up": up, **_processes(root / "playground" / UP, broker.url)}, rounds)


def _processes(folder: Path, redis_url: str) -> dict[str, Callable[[], float]]:
    """Return functions that measure the startup times of the processes in the Procfile, by name."""
    port = free_port()
    started = project.at(folder)
    environment = started.environment(redis_url, port=port, kept=False)
    return {
        f"{service.name} alone": partial(
            startup.seconds_until,
            READY_LINES[service.name],
            ["sh", "-c", service.shell_command],
            folder,
            environment,
        )
        for service in from_procfile(started, environment, port)
        if service.name in READY_LINES
    }


def _lesson(root: Path, lesson: str, redis_url: str, rounds: int, thinking: float) -> Seconds:
    """Measure in turn the startup times, `check`, and the time from a save to the verdict of `watch`."""
    folder = root / "playground" / lesson
    steps = project.at(folder).lesson.core
    verdict = f"{len(steps)} of {len(steps)} core steps"
    learner = startup.environment(root)
    check = startup.workshop("check", str(folder))
    environment = project.at(folder).environment(redis_url, data=root / "floor", kept=False) | {
        "DJANGO_SETTINGS_MODULE": "myproject.settings"
    }
    measurements = {
        "django": partial(startup.seconds_until, "done", DJANGO, folder, environment),
        "worker": partial(startup.seconds_until, READY, WORKER, folder, environment),
        "check": partial(startup.seconds_until, verdict, check, root, learner),
    }
    if not (folder / "myproject/celery.py").is_file():
        del measurements["worker"]
    with startup.running(startup.workshop("watch", str(folder)), root, startup.environment(root)) as output:
        output.wait_for(verdict)
        first_verdicts = []

        def watch() -> float:
            time.sleep(thinking)
            first, last = save(output, folder / WATCHED, f" {steps[0].id} ", verdict)
            first_verdicts.append(first)
            return last

        seconds = measure_in_turn(measurements | {"watch": watch}, rounds)
    return seconds | {"first": first_verdicts[1:]}


def save(output: startup.Output, file: Path, step: str, verdict: str) -> tuple[float, float]:
    """Save a change to a file while `./workshop watch` is running.

    Args:
        output: The output of `watch`.
        file: The file to change.
        step: Text that appears only in the first step's line.
        verdict: Text that appears only in the last line.

    Returns:
        The seconds from the save to the first step's line, and from the save to the last line.

    Raises:
        WorkshopError: If the first step failed.
    """
    text = file.read_text() + f"\n\nSAVED_AT = {time.time()}\n"
    start = time.perf_counter()
    file.write_text(text)
    line = output.wait_for(step)
    first = time.perf_counter() - start
    if "✓" not in line:
        raise WorkshopError(f"A solution did not pass, so there is nothing to measure.\n{line}")
    output.wait_for(verdict)
    return first, time.perf_counter() - start


def floor(seconds: Seconds) -> float:
    """Return the minimum time for a check, in seconds.

    The minimum is the startup time of Python with Django, plus a worker's startup time if the lesson has one.
    """
    return sum(statistics.median(seconds[name]) for name in ("django", "worker") if name in seconds)


def _section(first_start: float | None, up: Seconds, lessons: dict[str, Seconds], rounds: int) -> Section:
    tables, goals, remarks = [], [], list(REMARKS)
    if up:
        rows = [[name, spread(seconds)] for name, seconds in up.items()]
        tables.append(Table(f"./workshop up {UP}, seconds", ["", "until ready"], rows))
        slowest = max((name for name in up if name != "up"), key=lambda name: statistics.median(up[name]))
        label = f"time until `./workshop up` is ready, compared with the {slowest}"
        goals.append(Goal(label, ratio(up, "up", slowest), UP_GOAL, at_most=True))
    columns = {
        "django": "Django",
        "worker": "worker",
        "check": "check",
        "first": "save → first step",
        "watch": "save → last verdict",
    }
    moments = {"first": "save to the first step", "watch": "save to the last verdict"}
    rows = []
    for lesson, seconds in lessons.items():
        rows.append([lesson, *(spread(seconds[name], 1) if name in seconds else "–" for name in columns)])
        for name in ("first", "watch"):
            times = statistics.median(seconds[name]) / floor(seconds)
            label = f"{lesson}: time from the {moments[name]}, compared with the startup time"
            goals.append(Goal(label, times, VERDICT_GOAL, at_most=True))
    tables.append(Table("Seconds, by solution", ["s (range)", *columns.values()], rows))
    if first_start is not None:
        remarks.append(
            f"Setting up a fresh copy of the repository with `./workshop --version` took {first_start:.0f} "
            "s. This time was measured only once, with the package installer's cache already filled."
        )
    how = (
        "The measurement runs in a separate workshop folder, where the learner's copies of the lessons "
        f"contain the solutions. The commands take turns for {rounds} rounds."
    )
    return Section("learner", "Waiting times for learners", how, tables, goals=goals, remarks=remarks)
