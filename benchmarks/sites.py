"""Run a solution behind a production server, and run the functions of in_project.py inside its project."""

import os
import subprocess
import sys
from collections.abc import Collection
from contextlib import AbstractContextManager

from honcho.environ import parse_procfile

from benchmarks import in_project
from workshop import paths
from workshop.errors import WorkshopError
from workshop.runtime.solution_site import Site, running

GUNICORN = "gunicorn myproject.wsgi --bind 127.0.0.1:$PORT --workers 3 --threads 2"
PROGRAM_SECONDS = 1800


def behind_gunicorn(
    solution: str, without: Collection[str] = (), before_worker: str = ""
) -> AbstractContextManager[Site]:
    """Run a solution with its own data behind a production server.

    Args:
        solution: The name of the solution, such as "03-images".
        without: The names of the processes to leave out.
        before_worker: A prefix for the command of the worker.
    """
    commands = {"web": GUNICORN}
    if before_worker:
        procfile = (paths.SOLUTIONS / solution / "Procfile").read_text(encoding="utf-8")
        commands["worker"] = f"{before_worker} {parse_procfile(procfile).processes['worker']}"
    return running(solution, without, commands)


def program(function: str, *arguments: object) -> list[str]:
    """Return the command that runs a function of in_project.py."""
    return [sys.executable, "-P", in_project.__file__, function, *map(str, arguments)]


def environment(site: Site) -> dict[str, str]:
    """Return the environment variables for a command that `program` returned."""
    return site.environment | {
        "DJANGO_SETTINGS_MODULE": "myproject.settings",
        "PYTHONPATH": os.pathsep.join([str(site.project.folder), str(paths.SOURCES)]),
        "SWEEP_AFTER": "600",
    }


def run_in_project(site: Site, function: str, *arguments: object) -> list[float]:
    """Run a function of in_project.py, and return the numbers that it prints.

    Raises:
        WorkshopError: If the function failed.
    """
    done = subprocess.run(
        program(function, *arguments),
        cwd=site.project.folder,
        env=environment(site),
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    if done.returncode:
        raise WorkshopError(f"The step {function!r} of the measurement failed.\n{done.stderr[-2000:]}")
    return [float(word) for word in done.stdout.split()]
