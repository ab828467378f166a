"""Measure how long a learner waits for the set-up, for `up`, and for a verdict."""

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
from benchmarks.measuring import Goal, in_turn, ratio
from benchmarks.section import Section, Table
from workshop import paths
from workshop.checkkit.worker import QUICK_START, READY
from workshop.checks.runner import PROCESSES
from workshop.course import project
from workshop.errors import WorkshopError
from workshop.runtime.broker import Broker
from workshop.runtime.procfile import from_procfile
from workshop.system.percentiles import spread

LESSONS = ("01-sync", "02-celery-basics", "03-images", "04-flower", "05-beat")
UP, UP_GOAL, WATCH_GOAL = "03-images", 1.5, 1.5
READY_LINES = {"web": "Starting development server", "worker": READY}
"""The output of a process once it is ready."""
WATCHED = "images/views.py"
WRITING, QUICK_WRITING = 5.0, 0.5
"""Seconds between a verdict and the next save. A learner would think longer."""

REMARKS = (
    "The floor is the sum of two startup times: a Python interpreter that loads Django and, from lesson 02 "
    "on, a worker until it is ready. A check starts both at the same time. `watch` loads the libraries for "
    "its next run before the learner saves.",
    "A learner waits for the line of the first step, because `watch` starts with the step that failed last, "
    "and that is the step the learner is working on. The floor of lesson 01 includes no worker. Step 5.1 "
    "starts a real Celery beat and waits until beat has sent a task.",
    "The last verdict appears when all checks of the lesson have passed, including the checks that the "
    "lesson keeps from earlier lessons. These checks resize photos, kill a worker and run without a broker, "
    f"which takes time. {PROCESSES} processes share the checks, each with its own broker and worker. So the "
    "time that one worker needs to start is not a realistic goal for the last verdict.",
)

Seconds = dict[str, list[float]]


def measure(quick: bool) -> Section:
    """Take all measurements. Raises WorkshopError if a process isn't ready in time or a solution fails."""
    lessons, rounds, writing = (LESSONS[:1], 1, QUICK_WRITING) if quick else (LESSONS, 3, WRITING)
    with tempfile.TemporaryDirectory(prefix="workshop-bench-", ignore_cleanup_errors=True) as folder:
        root = startup.learners(Path(folder, "root"), *lessons, solved=True)
        cold = None if quick else set_up(Path(folder, "fresh"))
        up = {} if quick else _up(Path(folder, "up"), 3)
        with Broker(prefer=None) as broker:
            found = {lesson: _lesson(root, lesson, broker.url, rounds, writing) for lesson in lessons}
    return _section(cold, up, found, rounds)


def set_up(folder: Path) -> float:
    """Copy git's files into `folder`, and return the seconds of the first `./workshop --version` there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=paths.ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.ROOT / name, folder / name)
    outside = (
        name for name in os.environ["PATH"].split(os.pathsep) if name != str(Path(sys.executable).parent)
    )
    environment = os.environ | {"PATH": os.pathsep.join(outside)}
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "WORKSHOP_ROOT"):
        environment.pop(name, None)
    return startup.seconds_until("workshop ", ["./workshop", "--version"], folder, environment)


def _up(folder: Path, rounds: int) -> Seconds:
    """Measure `up` and each of its processes alone, in turn.

    The first `up` is not counted, because it runs the migrations.
    """
    root = startup.learners(folder, UP)
    with Broker(prefer=None) as broker:
        return in_turn(
            {"up": partial(_seconds_of_up, root), **_processes(root / "playground" / UP, broker.url)}, rounds
        )


def _seconds_of_up(root: Path) -> float:
    command = startup.workshop("up", UP, "--port", str(startup.free_port()))
    return startup.seconds_until("ready in", command, root, startup.environment(root))


def _processes(folder: Path, redis_url: str) -> dict[str, Callable[[], float]]:
    port = startup.free_port()
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


def _lesson(root: Path, lesson: str, redis_url: str, rounds: int, writing: float) -> Seconds:
    """Measure the parts of the floor, a check, and a watch from save to verdict, in turn."""
    folder = root / "playground" / lesson
    environment = project.at(folder).environment(redis_url, data=root / "floor", kept=False) | {
        "DJANGO_SETTINGS_MODULE": "myproject.settings"
    }
    done = [sys.executable, "-c", "import django; django.setup(); print('done')"]
    ways = {"django": partial(startup.seconds_until, "done", done, folder, environment)}
    if (folder / "myproject/celery.py").is_file():
        worker = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "myproject",
            "worker",
            "-l",
            "INFO",
            "-c",
            "2",
            *QUICK_START,
        ]
        ways["worker"] = partial(startup.seconds_until, READY, worker, folder, environment)
    steps = project.at(folder).lesson.core
    verdict = f"{len(steps)} of {len(steps)} core steps"
    ways["check"] = partial(
        startup.seconds_until,
        verdict,
        startup.workshop("check", str(folder)),
        root,
        startup.environment(root),
    )
    with startup.Talking(startup.workshop("watch", str(folder)), root, startup.environment(root)) as watching:
        watching.until(verdict)
        first_lines = []

        def watch() -> float:
            first, last = saved(watching, folder / WATCHED, f" {steps[0].id} ", verdict, writing)
            first_lines.append(first)
            return last

        found = in_turn(ways | {"watch": watch}, rounds)
        return found | {"first": first_lines[1:]}


def saved(
    watching: startup.Talking, file: Path, step: str, verdict: str, writing: float
) -> tuple[float, float]:
    """Save a change in `file` after `writing` seconds.

    Returns the seconds from the save to the line of the first `step`, and to the `verdict`. Raises
    WorkshopError if the step fails.
    """
    time.sleep(writing)
    text = file.read_text() + f"\n\nSAVED_AT = {time.time()}\n"
    began = time.perf_counter()
    file.write_text(text)
    line = watching.until(step)
    first = time.perf_counter() - began
    if "✓" not in line:
        raise WorkshopError(f"A solution did not pass, so there is nothing to measure.\n{line}")
    watching.until(verdict)
    return first, time.perf_counter() - began


def floor(seconds: Seconds) -> float:
    """A lower bound for a check: the startup of Python with Django, and of a worker if the lesson has one."""
    return sum(statistics.median(seconds[name]) for name in ("django", "worker") if name in seconds)


def _section(cold: float | None, up: Seconds, found: dict[str, Seconds], rounds: int) -> Section:
    columns = ("django", "worker", "check", "first", "watch")
    rows = [
        [lesson, *(spread(seconds[name], 1) if name in seconds else "–" for name in columns)]
        for lesson, seconds in found.items()
    ]
    headings = ["s (range)", "Django", "worker", "check", "save → first step", "save → last verdict"]
    tables = [Table("Seconds, by solution", headings, rows)]
    goals = [
        Goal(
            f"{lesson}: save → {shown} / floor",
            statistics.median(seconds[name]) / floor(seconds),
            WATCH_GOAL,
            at_most=True,
        )
        for lesson, seconds in found.items()
        for name, shown in (("first", "first step"), ("watch", "last verdict"))
    ]
    if up:
        tables.insert(
            0,
            Table(
                f"./workshop up {UP}, seconds", ["", "until ready"], [[n, spread(s)] for n, s in up.items()]
            ),
        )
        slowest = max((name for name in up if name != "up"), key=lambda name: statistics.median(up[name]))
        goals.insert(0, Goal(f"up / {slowest}", ratio(up, "up", slowest), UP_GOAL, at_most=True))
    remarks = list(REMARKS)
    if cold is not None:
        remarks.append(
            f"Setting up a fresh copy of the repository with `./workshop --version` took {cold:.0f} s. This "
            "was measured once, with the package installer's existing cache."
        )
    how = (
        "A separate workshop folder contains the solutions as a learner's copies. All commands take turns, "
        f"for {rounds} rounds."
    )
    return Section("learner", "Waiting times for learners", how, tables, goals=goals, remarks=remarks)
