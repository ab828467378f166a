"""Run a notebook from top to bottom, with its own site, broker, workers, Flower and beat."""

import json
import tempfile
from collections.abc import Collection
from contextlib import AbstractContextManager

from workshop import paths
from workshop.course.lessons import Lesson
from workshop.errors import WorkshopError
from workshop.notebookkit.running_services import VARIABLE
from workshop.notebooks import settings_folders
from workshop.notebooks.convert import NotebookNode
from workshop.runtime.solution_site import Site, running
from workshop.system.environment import inherited

CELL_SECONDS = 60
"""The maximum running time of a cell, in seconds."""


def stage(lesson: Lesson, without: Collection[str] = ()) -> AbstractContextManager[Site]:
    """Run a lesson's solution for the duration of the `with` block.

    Practice mode is on, because the notebooks make the storage fail or respond slowly.

    Args:
        lesson: The lesson.
        without: The names of the processes that should not be started.
    """
    return running(lesson.name, without, variables={"PRACTICE": "1"})


def run(notebook: NotebookNode, site: Site, go_on: bool = False) -> NotebookNode:
    """Run all cells of a notebook in a kernel, and return the notebook with its outputs.

    Args:
        notebook: The notebook to run. The outputs are added to this notebook.
        site: The site that the notebook uses.
        go_on: Whether to continue after an error in a cell.

    Raises:
        WorkshopError: A cell failed. The message contains the cell's code.
    """
    # Imported here, because these imports take half a second, and the docs site's pages don't need them.
    from nbclient import NotebookClient
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(prefix="kernel-") as folder:
        # Use sockets in a folder, because another program could take a free port before the kernel does.
        sockets = {"transport": "ipc", "connection_file": f"{folder}/kernel.json"}
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            allow_errors=go_on,
            config=Config({"KernelManager": sockets}),
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
    """Return the environment variables for a kernel whose notebook uses `site`."""
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
        **settings_folders(),
    }
