"""The docs site: served while it is written, or built into `site/`."""

import os
import subprocess
import sys

from . import notebook_pages, paths
from .console import console
from .errors import WorkshopError


def main(build: bool, port: int, run_notebooks: bool = True) -> int:
    """Build the site strictly, or serve it on `port` until Ctrl-C; the exit code of mkdocs.

    run_notebooks: before a build, run the notebooks that have changed since they were run last.
    Raises WorkshopError when there is no mkdocs.yml, or a notebook fails.
    """
    if not (paths.ROOT / "mkdocs.yml").is_file():
        raise WorkshopError(
            "There is no docs site yet: mkdocs.yml is missing. The lesson texts are in docs/lessons/."
        )
    notebook_pages.write(run=build and run_notebooks)
    # Material's notice about a successor is for maintainers: CONTRIBUTING.md has it.
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs"]
    if build:
        command += ["build", "--strict"]
        return subprocess.run(command, cwd=paths.ROOT, env=environment, check=False).returncode
    console.print(f"The docs are on http://localhost:{port} · stop: Ctrl-C", markup=False)
    os.chdir(paths.ROOT)
    # In the place of this process, so that whoever ends it ends the server.
    os.execve(sys.executable, [*command, "serve", "--quiet", "--dev-addr", f"localhost:{port}"], environment)
