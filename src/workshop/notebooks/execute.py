"""Running a notebook from top to bottom, beside a site, a broker, workers, Flower and beat of its own."""

import json
from collections.abc import Collection
from contextlib import AbstractContextManager

from workshop import paths
from workshop.course.lessons import Lesson
from workshop.errors import WorkshopError
from workshop.notebookkit.running import VARIABLE
from workshop.notebooks.convert import NotebookNode
from workshop.runtime.solution_site import Site, running
from workshop.system.environment import inherited

CELL_SECONDS = 60
"""The longest that one cell may take, in a run that nobody watches."""


def stage(lesson: Lesson, without: Collection[str] = ()) -> AbstractContextManager[Site]:
    """The solution of `lesson` with its processes, but for `without`; at the end nothing of it stays.

    Practice is on: the notebooks make the storage slow and let it fail.
    """
    return running(lesson.name, without, variables={"PRACTICE": "1"})


def run(notebook: NotebookNode, site: Site, go_on: bool = False) -> NotebookNode:
    """Execute all cells in one kernel, from top to bottom; returns it with the outputs.

    go_on: an error in a cell does not end the run. Otherwise raises WorkshopError, with the cell.
    """
    from nbclient import NotebookClient  # half a second that the pages of the site do without
    from traitlets.config import Config

    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        allow_errors=go_on,
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
        resources={"metadata": {"path": str(paths.NOTEBOOKS)}},
    )
    with client.setup_kernel(env=environment(site)):
        for place, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, place)
            except Exception as error:
                raise WorkshopError(f"Cell {place + 1} failed:\n{cell.source}\n\n{error}") from error
    return notebook


def environment(site: Site) -> dict[str, str]:
    """The variables of a kernel whose notebook talks to `site`."""
    running = {
        "project": site.project.shown,
        "folder": str(site.project.folder),
        "data": str(site.data),
        "addresses": {"site": site.address, "broker": site.broker_url, "flower": site.flower_address},
    }
    return inherited() | {
        VARIABLE: json.dumps(running),
        "PRACTICE": "1",
        "PYTHONPATH": str(paths.SOURCES),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
