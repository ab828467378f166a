"""The docs site: served while it is written, or built into `site/`."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from . import notebook_pages, paths, signals
from .console import console
from .errors import WorkshopError
from .ports import is_free, next_free, taken_by

_MKDOCS = [sys.executable, "-P", "-m", "mkdocs"]


def main(build: bool, port: int, run_notebooks: bool = True) -> int:
    """Build the site strictly, or serve it on `port` until Ctrl-C; the exit code of mkdocs.

    run_notebooks: before a build, run the notebooks that have changed since they were run last.
    Raises WorkshopError when there is no mkdocs.yml, a notebook fails, or the port is taken.
    """
    if not (paths.ROOT / "mkdocs.yml").is_file():
        raise WorkshopError(
            "There is no docs site yet: mkdocs.yml is missing. The lesson texts are in docs/lessons/."
        )
    if build:
        return make(run_notebooks=run_notebooks)
    if not is_free(port):
        raise WorkshopError(
            f"Port {port} is taken by {taken_by(port)}. Does ./workshop up run? Then the docs are at "
            f"http://localhost:8001 already.\nAnother port: ./workshop docs --port {next_free(port + 1)}"
        )
    notebook_pages.write()
    console.print(f"The docs are on http://localhost:{port} · stop: Ctrl-C", markup=False)
    console.file.flush()  # a signal ends this process without that
    _serve(port)


def _serve(port: int) -> NoReturn:
    """Serve until Ctrl-C, in this process: whoever ends it ends the server. The exit code is the signal's."""
    os.chdir(paths.ROOT)
    os.environ.update(_environment())
    from mkdocs.__main__ import cli

    def end(number: int, _frame: object) -> NoReturn:
        # Not by an exception: what mkdocs calls while it builds may catch it, and the server goes on.
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
        os._exit(128 + number)

    # mkdocs builds into a temporary folder, which it leaves there when it is ended early.
    with contextlib.ExitStack() as stack:
        with signals.held():
            copy = tempfile.TemporaryDirectory(prefix="workshop-docs-")
            tempfile.tempdir = stack.enter_context(copy)
        stack.enter_context(signals.handled(end))
        cli(["serve", "--quiet", "--dev-addr", f"localhost:{port}"])


def make(target: Path | None = None, run_notebooks: bool = False) -> int:
    """Build the site strictly, into `target` or `site/`; the exit code of mkdocs.

    run_notebooks: first run the notebooks that have changed. Raises WorkshopError when a cell fails.
    """
    notebook_pages.write(run=run_notebooks)
    command = [*_MKDOCS, "build", "--strict", *(["--site-dir", str(target)] if target else [])]
    return subprocess.run(command, cwd=paths.ROOT, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    # The pages take code out of the lessons with an extension that lies beside this module. Material's notice
    # about a successor is for maintainers: CONTRIBUTING.md has it.
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "NO_MKDOCS_2_WARNING": "1"}
