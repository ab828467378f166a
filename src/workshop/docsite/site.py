"""Serve the docs site, or build it into `site/`."""

import contextlib
import logging
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NoReturn

from workshop import paths
from workshop.console import console, say
from workshop.errors import WorkshopError
from workshop.runtime import docs_address
from workshop.system import signals
from workshop.system.environment import inherited
from workshop.system.ports import claim, listener, next_free, taken_by
from workshop.system.waiting import until

_HOOK = str(Path(__file__).with_name("build_progress.py"))


def main(build: bool, port: int, run_notebooks: bool) -> int:
    """Build the site in strict mode, or serve it until Ctrl-C.

    Args:
        build: Whether to build the site instead of serving it.
        port: The port to serve on.
        run_notebooks: Whether a build first runs the notebooks that have changed since their last run.

    Returns:
        MkDocs' exit code.

    Raises:
        WorkshopError: There is no mkdocs.yml, a notebook fails, or the port is taken.
    """
    if not (paths.ROOT / "mkdocs.yml").is_file():
        raise WorkshopError(
            "There is no docs site yet: mkdocs.yml is missing. The lesson pages are in docs/lessons/."
        )
    if build:
        return make(run_notebooks=run_notebooks)
    if not claim(port):
        served = docs_address.address()
        raise WorkshopError(
            f"Port {port} is taken by {taken_by(port)}."
            + (f" The docs are already being served at {served}" if served else "")
            + f"\nUse another port: ./workshop docs --port {next_free(port + 1)}"
        )
    _say("Building the site …")
    from workshop.docsite import notebook_pages  # imported here, because the import takes several seconds

    notebook_pages.write()
    _serve(port)


def make(target: Path | None = None, run_notebooks: bool = False) -> int:
    """Build the site in strict mode.

    Args:
        target: The folder to build the site in. Default: `site/`.
        run_notebooks: Whether to first run the notebooks that have changed.

    Returns:
        MkDocs' exit code.

    Raises:
        WorkshopError: A cell of a notebook fails.
    """
    from workshop.docsite import notebook_pages

    notebook_pages.write(run=run_notebooks)
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict"]
    command += ["--site-dir", str(target)] if target else []
    return subprocess.run(command, cwd=paths.ROOT, env=_environment(), check=False).returncode


def _serve(port: int) -> NoReturn:
    """Serve the site until Ctrl-C.

    The server runs in this process, so stopping the process also stops the server.
    """
    os.chdir(paths.ROOT)
    environment = _environment()
    os.environ.clear()
    os.environ.update(environment)
    import click
    from mkdocs.commands import serve
    from mkdocs.utils.yaml import yaml_load

    def end(number: int, _frame: object) -> NoReturn:
        # Don't raise an exception here, because code that mkdocs calls during a build might catch it.
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
        with contextlib.suppress(OSError):
            note.unlink()
        os._exit(128 + number)

    # mkdocs builds the site in a temporary folder, but doesn't remove the folder if mkdocs is stopped early.
    with contextlib.ExitStack() as stack:
        with signals.held():
            copy = tempfile.TemporaryDirectory(prefix="workshop-docs-")
            tempfile.tempdir = stack.enter_context(copy)
            note = docs_address.record(port)
            stack.callback(note.unlink, missing_ok=True)
        stack.enter_context(signals.handled(end))
        logging.getLogger("mkdocs").setLevel(logging.ERROR)
        threading.Thread(target=_say_when_served, args=(port,), daemon=True).start()
        with open("mkdocs.yml", "rb") as file:
            hooks = [*(yaml_load(file).get("hooks") or []), _HOOK]
        try:
            serve.serve("mkdocs.yml", dev_addr=f"localhost:{port}", hooks=hooks)
        except click.ClickException as error:  # mkdocs' own messages
            error.show()
            sys.exit(error.exit_code)
        sys.exit(0)


def _say_when_served(port: int) -> None:
    until(lambda: listener(os.getpid(), port), math.inf)
    _say(f"The docs are at http://localhost:{port} · stop: Ctrl-C")


def _say(sentence: str) -> None:
    say(sentence)
    console.file.flush()  # otherwise, a signal could end this process before the output is written


def _environment() -> dict[str, str]:
    # MkDocs needs PYTHONPATH to import the extensions in this package. The last variable hides Material's
    # notice about its successor: the notice is for maintainers, so it is in CONTRIBUTING.md.
    return inherited() | {"PYTHONPATH": str(paths.SOURCES), "NO_MKDOCS_2_WARNING": "1"}
