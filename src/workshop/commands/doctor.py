"""`./workshop doctor`: find problems on this machine and in a project, and show how to fix them."""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import psutil
from rich.markup import escape

from workshop import paths
from workshop.commands import inspect_project
from workshop.console import say
from workshop.course import project_database
from workshop.course.project import DEFAULT_REDIS_URL, Project
from workshop.runtime import clones, compose, diagnosis, up_state
from workshop.runtime.broker import HIDDEN, answers, without_password
from workshop.system import environment
from workshop.system.ports import who_holds

PORTS = {8000: "the site", 8001: "the docs site", 6379: "the broker", 5555: "Flower"}
MOVABLE = {"the broker", "Flower"}
"""The services that `up` starts on another port if their usual port is taken."""
WORKER = "celery -A myproject worker -l info"
FREE_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        summary: What was checked and what was found, as a sentence without an initial capital letter and
            without a period.
        fix: Instructions for fixing the problem, or an empty string if nothing needs to be fixed.
    """

    ok: bool
    summary: str
    fix: str = ""


def examine(project: Project | None, ports: dict[int, str] = PORTS) -> list[Finding]:
    """Return the results of all checks, in the order in which problems should be fixed.

    Args:
        project: The learner's project. If None, only the machine is checked.
        ports: The purpose of each port, by port number.
    """
    findings = [Finding(True, f"Python {platform.python_version()}"), _disk()]
    findings += [_port(port, purpose) for port, purpose in ports.items()]
    url = _broker_url()
    broker_up = answers(url)
    findings.append(_broker(url, broker_up, project))
    if project is not None:
        findings += _project(project, url, broker_up)
        findings += _ignored_settings(project)
    return findings


def show(findings: list[Finding]) -> None:
    """Print the findings, with the fix below each problem."""
    for finding in findings:
        mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
        say(f"  {mark} {escape(finding.summary)}", hang=4, markup=True)
        if finding.fix:
            say(indent(finding.fix, " " * 6))
    problems = sum(not finding.ok for finding in findings)
    if problems:
        say(f"\n  {problems} problem{'s' * (problems > 1)} found. Start with the first one.")
    else:
        say("\n  Everything is fine.")


def _disk() -> Finding:
    free = shutil.disk_usage(paths.ROOT).free
    summary = f"{free / 1e9:.1f} GB free on the disk"
    if free >= FREE_BYTES:
        return Finding(True, summary)
    return Finding(False, summary, "Free at least 1 GB on this disk.")


def _port(port: int, purpose: str) -> Finding:
    holder = who_holds(port)
    if holder is None:
        return Finding(True, f"port {port} is free ({purpose})")
    if holder.pid in up_state.pids():
        return Finding(True, f"port {port} is used by ./workshop up ({purpose})")
    if purpose in MOVABLE:
        return Finding(
            True, f"port {port} ({purpose}) is taken by {holder}; ./workshop up uses a free port instead"
        )
    if containers := compose.publisher(port):
        return Finding(
            False,
            f"port {port} ({purpose}) is used by the containers of {containers}",
            compose.stop_command(containers),
        )
    fix = clones.how_to_stop(holder.pid)
    if purpose == "the site":
        fix += f"\nor use another port: ./workshop up --port {port + 10}"
    return Finding(False, f"port {port} ({purpose}) is taken by {holder}", fix)


def _broker_url() -> str:
    """Return REDIS_URL if it is set, otherwise the address of the broker that `up` uses, or the default."""
    of_up = up_state.read().get("addresses", {}).get("broker")
    return environment.kept().get("REDIS_URL") or of_up or DEFAULT_REDIS_URL


def _broker(url: str, is_up: bool, project: Project | None) -> Finding:
    shown = without_password(url)
    if is_up:
        return Finding(True, f"the broker at {shown} responds")
    if HIDDEN in url:
        return Finding(
            False,
            f"the password for the broker at {shown} is not set in this terminal",
            "In this terminal, set REDIS_URL to the same address as for ./workshop up",
        )
    problem = f"no broker responds at {shown}"
    state = up_state.read()
    if state.get("own_broker") and url == state.get("addresses", {}).get("broker"):
        return Finding(
            False, problem, "./workshop broker start   (./workshop up is running without its broker)"
        )
    if os.environ.get("REDIS_URL"):
        return Finding(False, problem, "Start that broker, or type: unset REDIS_URL")
    if project is None or not project.lesson.has_broker:
        return Finding(True, "no broker is running; ./workshop up starts one")
    return Finding(False, problem, "./workshop up   (in a second terminal; it starts its own broker)")


def _project(project: Project, url: str, broker_up: bool) -> Iterator[Finding]:
    if unreadable := diagnosis.unreadable(project.folder):
        for sentence in unreadable:
            yield Finding(False, sentence, "Open the file at that line and fix the error.")
        return
    state, error = _inspect(project, url, broker_up)
    if state is None:
        yield Finding(False, f"the project cannot be loaded: {error}", f"Fix this error in {project.shown}.")
        return
    yield Finding(True, f"the code in {project.shown} can be loaded")
    for service, mode in project.failing_services.items():
        command = paths.command_in(project.folder, f"python manage.py {service} ok")
        yield Finding(False, f"practice mode makes the {service} fail or respond slowly ({mode})", command)
    yield _migrations(project, state)
    if state["backend"]:
        yield _backend(state["backend"])
        if broker_up:
            yield from _workers(project, state["workers"])


def _inspect(project: Project, url: str, ask_workers: bool) -> tuple[dict | None, str]:
    """Return the project's state (see `inspect_project`), or None and the reason why loading failed."""
    variables = project.environment(redis_url=url) | {
        "DJANGO_SETTINGS_MODULE": project.settings_module,
        "PYTHONPATH": str(paths.SOURCES),
    }
    command = [sys.executable, "-m", inspect_project.__name__]
    if ask_workers:
        command.append(inspect_project.ASK_WORKERS)
    try:
        process = subprocess.run(
            command, cwd=project.folder, env=variables, capture_output=True, text=True, timeout=60
        )
    except subprocess.TimeoutExpired:
        return None, "loading the project took longer than 60 seconds"
    for line in process.stdout.splitlines():
        if line.startswith(inspect_project.MARK):
            return json.loads(line.removeprefix(inspect_project.MARK)), ""
    return None, str(diagnosis.cause(process.stderr.splitlines(), project.folder))


def _ignored_settings(project: Project) -> Iterator[Finding]:
    """Find variables that `up` doesn't pass to its processes but that commands typed by hand would read."""
    read = {"DJANGO_SETTINGS_MODULE"} | {name for name in os.environ if name.startswith("CELERY_")}
    settings = project.folder / "myproject" / "settings"
    for file in (settings.with_suffix(".py"), *settings.glob("**/*.py")):
        with contextlib.suppress(OSError, SyntaxError):
            read |= environment.read_by(file)
    if names := sorted(read & set(os.environ) - set(environment.kept())):
        listed = " ".join(names)
        yield Finding(
            True,
            f"./workshop ignores some settings in this shell ({', '.join(names)}), but a command that you "
            "run yourself, such as celery -A myproject worker, reads them",
            f"To remove them:  unset {listed}\n"
            f'To also use them in ./workshop:  export {environment.KEEP}="{listed}"',
        )


def _migrations(project: Project, state: dict) -> Finding:
    if "database" in state:
        return Finding(
            False,
            f"the database at DATABASE_URL cannot be used: {state['database']}",
            f"Fix the problem, or remove DATABASE_URL from {environment.KEEP} to use SQLite.",
        )
    pending = state["pending"] if "pending" in state else project_database.pending_migrations(project)
    if not pending:
        return Finding(True, "all migrations have been applied")
    more = f" and {len(pending) - 3} more" if len(pending) > 3 else ""
    return Finding(
        False,
        f"migrations are pending: {', '.join(pending[:3])}{more}",
        paths.command_in(project.folder, "python manage.py migrate   (./workshop up also does this)"),
    )


def _backend(backend: str) -> Finding:
    if not backend.startswith("disabled"):
        # A value that isn't an address is a name, such as django-db.
        where = without_password(backend) if "://" in backend else backend
        return Finding(True, f"the result backend is {where}")
    return Finding(
        False,
        "the result backend is off, so every task's state stays PENDING",
        'In myproject/settings.py: CELERY_RESULT_BACKEND = REDIS_URL   (and namespace="CELERY" in celery.py)',
    )


def _workers(project: Project, workers: dict[str, int]) -> Iterator[Finding]:
    if not workers:
        yield Finding(
            False,
            "no worker responds, so tasks stay in the queue",
            f"./workshop up   (or by hand: {paths.command_in(project.folder, WORKER)})",
        )
    for name, pid in workers.items():
        yield _worker(project, name, pid)


def _worker(project: Project, name: str, pid: int) -> Finding:
    worker = f"worker {name} (pid {pid})"
    try:
        process = psutil.Process(pid)
        folder, started = Path(process.cwd()), process.create_time()
    except psutil.Error:
        return Finding(True, f"{worker} runs on another machine or as another user")
    if folder.resolve() != project.folder.resolve():
        return Finding(
            False,
            f"{worker} runs another project, {paths.shown(folder)}, and receives your tasks",
            f"{clones.how_to_stop(pid)}   (then: {paths.command_in(project.folder, WORKER)})",
        )
    newest = max(diagnosis.python_files(project.folder), key=lambda file: file.stat().st_mtime)
    # On Linux, a process's start time is accurate only to the second, and a worker reads its files a moment
    # later.
    if newest.stat().st_mtime > started + 1:
        return Finding(
            False,
            f"{worker} runs old code: {newest.relative_to(project.folder)} was saved after it started",
            f"kill {pid} and start the worker again (./workshop up restarts its worker automatically)",
        )
    return Finding(True, f"{worker} runs the code in {project.shown}")
