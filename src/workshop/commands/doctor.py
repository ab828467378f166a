"""`./workshop doctor`: find problems on this machine and in this project, and say how to fix them."""

import contextlib
import json
import os
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
from workshop.console import say
from workshop.course import migrations
from workshop.course.project import Project
from workshop.runtime import clones, compose, diagnosis, up_state
from workshop.runtime.broker import HIDDEN, answers, without_password
from workshop.system import environment
from workshop.system.ports import who_holds

PORTS = {8000: "the site", 8001: "the docs site", 6379: "the broker", 5555: "Flower"}
FREE_BYTES = 1_000_000_000

# Runs in a process of the project, because the project's settings and tasks can be imported only there.
_LOOK_INSIDE = """
import json, os
import django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
found = {"backend": None, "workers": {}}
if os.environ.get("DATABASE_URL"):
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        found["pending"] = [str(migration) for migration, _ in plan]
    except DatabaseError as error:
        found["database"] = str(error).partition("\\n")[0]
try:
    from celery.app.utils import find_app
    app = find_app("myproject")
except (AttributeError, ImportError):
    found["backend"] = "no app"
else:
    app.loader.import_default_modules()
    found["backend"] = app.conf.result_backend or "disabled"
    if os.environ["ASK_WORKERS"]:
        inspect = app.control.inspect  # a worker that has just started answers late
        stats = inspect(timeout=1).stats() or inspect(timeout=3).stats() or {}
        found["workers"] = {name: about["pid"] for name, about in stats.items()}
print("FOUND" + json.dumps(found))
"""


@dataclass(frozen=True)
class Finding:
    """The result of one check. `cure` says how to fix the problem; it is empty if `ok` is True."""

    ok: bool
    what: str
    cure: str = ""


def examine(project: Project | None, ports: dict[int, str] | None = None) -> list[Finding]:
    """Return the results of all checks, in the order in which problems should be fixed.

    project: the learner's project; None skips the checks of a project. ports: number -> what needs the port.
    """
    findings = [_python(), _disk(), *_ports(PORTS if ports is None else ports)]
    url = _broker_url()
    broker_up = answers(url)
    findings.append(_broker(url, broker_up))
    if project is not None:
        findings += _project(project, url, broker_up)
        findings += _ignored(project)
    return findings


def show(findings: list[Finding]) -> None:
    """Print the findings, each problem with its fix below it."""
    for finding in findings:
        mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
        say(f"  {mark} {escape(finding.what)}", hang=4, markup=True)
        if finding.cure:
            say(indent(finding.cure, " " * 6))
    bad = sum(not finding.ok for finding in findings)
    say("" if bad else "\n  Everything is fine.")
    if bad:
        say(f"  {bad} problem{'s' * (bad > 1)} found. Start with the first.")


def _python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    said = "Python " + ".".join(map(str, version))
    if version >= (3, 11):
        return Finding(True, said)
    return Finding(
        False, f"{said} is too old", "Install Python 3.11 or newer, then: rm -r .venv && ./workshop up"
    )


def _disk() -> Finding:
    free = shutil.disk_usage(paths.ROOT).free
    said = f"{free / 1e9:.1f} GB free on the disk"
    return Finding(free >= FREE_BYTES, said, "" if free >= FREE_BYTES else "Free at least 1 GB on this disk.")


def _ports(ports: dict[int, str]) -> Iterator[Finding]:
    ours = up_state.pids()
    for port, purpose in ports.items():
        holder = who_holds(port)
        if holder is None:
            yield Finding(True, f"port {port} is free ({purpose})")
        elif holder.pid in ours:
            yield Finding(True, f"port {port} is used by ./workshop up ({purpose})")
        elif purpose == "the broker" and answers(f"redis://localhost:{port}/0"):
            yield Finding(
                True,
                f"port {port} is used by another broker, {holder}; ./workshop up uses a free port instead",
            )
        elif containers := compose.publisher(port):
            yield Finding(
                False,
                f"port {port} ({purpose}) is used by the containers of {containers}",
                compose.stop_command(containers),
            )
        else:
            other = (
                f"\nor use another port: ./workshop up --port {port + 10}" if purpose == "the site" else ""
            )
            cure = clones.how_to_stop(holder.pid) + other
            yield Finding(False, f"port {port} ({purpose}) is taken by {holder}", cure)


def _broker_url() -> str:
    """The broker's address: REDIS_URL, otherwise the running `up`'s broker, otherwise the default."""
    default = up_state.read().get("addresses", {}).get("broker", "redis://localhost:6379/0")
    return environment.kept().get("REDIS_URL") or default


def _broker(url: str, is_up: bool) -> Finding:
    shown = without_password(url)
    if is_up:
        return Finding(True, f"the broker at {shown} responds")
    if HIDDEN in url:
        cure = "In this terminal, set REDIS_URL to the same address as for ./workshop up"
        return Finding(False, f"the password of the broker at {shown} is not known here", cure)
    if os.environ.get("REDIS_URL"):
        cure = "Start that broker, or type: unset REDIS_URL"
    else:
        cure = "./workshop up   (in a second terminal; it starts its own broker)"
    return Finding(False, f"no broker responds at {shown}", cure)


def _project(project: Project, url: str, broker_up: bool) -> Iterator[Finding]:
    broken = diagnosis.unreadable(project.folder)
    if broken:
        yield from (
            Finding(False, sentence, "Open the file at that line and fix the error.") for sentence in broken
        )
        return
    inside, error = _look_inside(project, url, broker_up)
    if inside is None:
        yield Finding(False, f"the project cannot be loaded: {error}", f"Fix this error in {project.shown}.")
        return
    yield Finding(True, f"the code of {project.shown} can be loaded")
    for service, mode in project.failing_services.items():
        command = f"cd {project.shown} && python manage.py {service} ok"
        yield Finding(False, f"practice mode makes the {service} fail or respond slowly ({mode})", command)
    yield _migrations(project, inside)
    if inside["backend"] != "no app":
        yield _backend(inside["backend"])
        if broker_up:
            yield from _workers(project, inside["workers"])


def _look_inside(project: Project, url: str, ask_workers: bool) -> tuple[dict | None, str]:
    variables = project.environment(redis_url=url) | {
        "ASK_WORKERS": "1" if ask_workers else "",
        "DJANGO_SETTINGS_MODULE": project.settings_module,
    }
    command = [sys.executable, "-c", _LOOK_INSIDE]
    try:
        done = subprocess.run(
            command, cwd=project.folder, env=variables, capture_output=True, text=True, timeout=60
        )
    except subprocess.TimeoutExpired:
        return None, "loading it took longer than 60 seconds"
    for line in done.stdout.splitlines():
        if line.startswith("FOUND"):
            return json.loads(line.removeprefix("FOUND")), ""
    return None, str(diagnosis.cause(done.stderr.splitlines(), project.folder))


def _ignored(project: Project) -> Iterator[Finding]:
    """Find settings in the shell that `up` doesn't pass on, but that commands typed by hand read."""
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


def _migrations(project: Project, inside: dict) -> Finding:
    if "database" in inside:
        return Finding(
            False,
            f"the database at DATABASE_URL cannot be used: {inside['database']}",
            f"Fix the problem, or remove DATABASE_URL from {environment.KEEP} to use SQLite.",
        )
    missing = inside["pending"] if "pending" in inside else migrations.pending(project)
    if not missing:
        return Finding(True, "all migrations have been applied")
    names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return Finding(
        False,
        f"migrations are pending: {names}",
        f"cd {project.shown} && python manage.py migrate   (./workshop up also does that)",
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
            f"./workshop up   (or by hand: cd {project.shown} && celery -A myproject worker -l info)",
        )
    for name, pid in workers.items():
        yield _worker(project, name, pid)


def _worker(project: Project, name: str, pid: int) -> Finding:
    said = f"worker {name} (pid {pid})"
    try:
        process = psutil.Process(pid)
        folder, began = Path(process.cwd()), process.create_time()
    except psutil.Error:
        return Finding(True, f"{said} runs on another machine or as another user")
    if folder.resolve() != project.folder.resolve():
        return Finding(
            False,
            f"{said} runs another project, {paths.shown(folder)}, and receives your tasks",
            f"{clones.how_to_stop(pid)}   (then: cd {project.shown} && celery -A myproject worker -l info)",
        )
    files = list(diagnosis.python_files(project.folder))
    newest = max(files, key=lambda file: file.stat().st_mtime)
    # On Linux, a process's start time is exact only to the second, and a worker reads its files a moment
    # later.
    if newest.stat().st_mtime > began + 1:
        return Finding(
            False,
            f"{said} runs old code: {newest.relative_to(project.folder)} was saved after it started",
            f"kill {pid} and start it again (./workshop up restarts its worker automatically)",
        )
    return Finding(True, f"{said} runs the code of {project.shown}")
