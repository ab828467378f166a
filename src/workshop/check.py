"""Check a project: run the lesson's checks on it, in a process of their own, on a broker of their own."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from watchfiles import watch as watch_files

from . import blame, databases, paths, playground, progress, vhosts
from .console import console
from .project import Project
from .report import Report

SILENCE = 90
"""Seconds without a sign of life after which a run is ended: far more than any single check takes."""


def main(project: Project, step: str | None = None, everything: bool = False) -> int:
    """Check `step` or the whole lesson and print how it went. Returns 0 when all that was checked passed."""
    report = Report(project, step)
    obstacles = preflight(project)
    if obstacles:
        report.nothing_checked(obstacles)
        return 1
    with report.live():
        for event in run(project, step, everything):
            report.take(event)
    report.close()
    if project.is_learners:
        _remember(project, step, report.passed)
    return 0 if report.ok else 1


def watch(project: Project, step: str | None = None) -> int:
    """Check now and after every save until Ctrl-C; stops at the first step that fails."""
    console.print(f"Watching {project.shown}. Stop with Ctrl-C.", markup=False, soft_wrap=True)
    main(project, step)
    with contextlib.suppress(KeyboardInterrupt):
        for changes in watch_files(project.folder, watch_filter=_is_code, debounce=100):
            names = sorted({str(Path(path).relative_to(project.folder)) for _, path in changes})
            console.rule(", ".join(names[:3]), style="dim")
            main(project, step)
    console.print("Stopped watching.")
    return 0


def preflight(project: Project) -> list[str]:
    """What keeps the project from starting, seen without starting it: files deleted, files not readable."""
    found = []
    for name in playground.files(project.lesson.folder):
        if name.endswith((".py", ".html")) and not (project.folder / name).is_file():
            original = paths.shown(project.lesson.folder / name)
            found.append(
                f"{name} is missing. Bring it back:  cp {original} {paths.shown(project.folder / name)}"
            )
    return found + blame.unreadable(project.folder)


def run(project: Project, step: str | None = None, everything: bool = False) -> Iterator[dict]:
    """Run the checks and yield their events, as `checkkit.plugin` sends them, while they happen.

    The last event is "finished", or "broken" with the `cause` when the run ended before its end.
    Nothing of the run stays behind: no process, no port, no file.
    """
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workshop-check-")))
        broker = stack.enter_context(_broker()) if _needs_broker(project) else None
        environment = project.environment(redis_url=broker.url if broker else None, data=data)
        environment.pop("AWS_STORAGE_BUCKET_NAME", None)  # photos of a run lie in its data folder
        # The learner's database is theirs. Without a server each run has a file in its data folder.
        if databases.is_postgres(server := environment.pop("DATABASE_URL", "")):
            environment["DATABASE_URL"] = stack.enter_context(databases.own(server))
        # Celery takes this one before the settings. The results and the locks stay in the run's own Redis.
        if broker and vhosts.is_amqp(server := environment.get("CELERY_BROKER_URL", "")):
            environment["CELERY_BROKER_URL"] = stack.enter_context(vhosts.own(server))
        else:
            environment.pop("CELERY_BROKER_URL", None)
        environment |= {
            "DJANGO_SETTINGS_MODULE": "myproject.settings",
            "PYTHONPATH": os.pathsep.join([str(project.folder), str(Path(__file__).parents[1])]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "WORKSHOP_STEPS": " ".join(each.id for each in project.lesson.steps),
            "WORKSHOP_ONLY": step or "",
            "WORKSHOP_ALL": "1" if everything else "",
            "WORKSHOP_WORKER": "1" if broker and not step else "",
        }
        yield from _events(project, environment, data / "pytest.log")


def _events(project: Project, environment: dict[str, str], log: Path) -> Iterator[dict]:
    reading, writing = os.pipe()
    environment["WORKSHOP_EVENTS"] = str(writing)
    with log.open("wb") as output, os.fdopen(reading, "rb") as stream:
        child = subprocess.Popen(
            _command(project),
            cwd=project.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[writing],
            start_new_session=True,
        )
        os.close(writing)
        last = {}
        try:
            for line in _lines(stream):
                last = json.loads(line)
                yield last
            if last.get("event") != "finished":
                yield {"event": "broken", "cause": _why(child, last, log, project)}
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # the worker is in the same group
            child.wait()


def _lines(stream) -> Iterator[bytes]:
    """Lines from a pipe until it is closed, or silent for too long."""
    descriptor, rest = stream.fileno(), b""
    while select.select([descriptor], [], [], SILENCE)[0]:
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def _why(child: subprocess.Popen, last: dict, log: Path, project: Project) -> str:
    deadline = time.monotonic() + 1
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if child.returncode is None:
        doing = f" while: {last['about']}" if "about" in last else ""
        return f"Nothing happened for {SILENCE} s{doing}. Is there a loop in your code that does not end?"
    text = log.read_text(errors="replace").replace("INTERNALERROR> ", "")
    cause = blame.cause(text.splitlines(), project.folder)
    # A sentence about the settings, of Django's own checks or passed on by pytest-django.
    cause = re.sub(r"^(SystemExit|ImportError): ", "", cause)
    return cause or f"The checks ended with exit code {child.returncode}."


def _command(project: Project) -> list[str]:
    kit = Path(__file__).parent / "checkkit"
    files = [project.lesson.folder / "checks", *(paths.LESSONS / name for name in project.lesson.keeps)]
    command = [sys.executable, "-P", "-m", "pytest", "-q", "--tb=native", "-c", str(kit / "checks.ini")]
    command += [
        "-p",
        "pytest_django.plugin",
        "-p",
        "workshop.checkkit.plugin",
        "--rootdir",
        str(paths.LESSONS),
    ]
    return [*command, *map(str, files)]


def _broker():
    from .broker import Broker  # a quarter of a second that lesson 01 does without

    return Broker(prefer=None)


def _needs_broker(project: Project) -> bool:
    return (project.lesson.solution / "myproject" / "celery.py").is_file()


def _remember(project: Project, step: str | None, passed: list[str]) -> None:
    if step:
        before = [each for each in progress.passed(project.lesson.name) if each != step]
        passed = before + passed
    order = [each.id for each in project.lesson.steps]
    progress.set_passed(project.lesson.name, sorted(set(passed) & set(order), key=order.index))


def _is_code(_change: object, path: str) -> bool:
    parts = set(Path(path).parts)
    return path.endswith((".py", ".html", ".js", ".css")) and not parts & {"data", "__pycache__"}
