"""The docs site: served while it is written, or built into `site/`."""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NoReturn

from workshop import paths
from workshop.console import console, say
from workshop.errors import WorkshopError
from workshop.runtime import docs_address
from workshop.system import signals
from workshop.system.environment import inherited
from workshop.system.ports import claim, listener, next_free, taken_by

_HOOK = str(Path(__file__).with_name("build_progress.py"))
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
    if not claim(port):
        served = docs_address.address()
        raise WorkshopError(
            f"Port {port} is taken by {taken_by(port)}."
            + (f" The docs are served already: {served}" if served else "")
            + f"\nAnother port: ./workshop docs --port {next_free(port + 1)}"
        )
    _say("Building the site …")
    from workshop.docsite import notebook_pages  # takes seconds, on a slow machine

    notebook_pages.write()
    _serve(port)


def _serve(port: int) -> NoReturn:
    """Serve until Ctrl-C, in this process: whoever ends it ends the server. The exit code is the signal's."""
    os.chdir(paths.ROOT)
    environment = _environment()
    os.environ.clear()
    os.environ.update(environment)
    import click
    from mkdocs.commands import serve
    from mkdocs.utils.yaml import yaml_load

    def end(number: int, _frame: object) -> NoReturn:
        # Not by an exception: what mkdocs calls while it builds may catch it, and the server goes on.
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
        with contextlib.suppress(OSError):
            note.unlink()
        os._exit(128 + number)

    # mkdocs builds into a temporary folder, which it leaves there when it is ended early.
    with contextlib.ExitStack() as stack:
        with signals.held():
            copy = tempfile.TemporaryDirectory(prefix="workshop-docs-")
            tempfile.tempdir = stack.enter_context(copy)
            note = docs_address.note(port)
            stack.callback(note.unlink, missing_ok=True)
        stack.enter_context(signals.handled(end))
        logging.getLogger("mkdocs").setLevel(logging.ERROR)
        threading.Thread(target=_say_when_served, args=(port,), daemon=True).start()
        with open("mkdocs.yml", "rb") as file:
            hooks = [*(yaml_load(file).get("hooks") or []), _HOOK]
        try:
            serve.serve("mkdocs.yml", dev_addr=f"localhost:{port}", hooks=hooks)
        except click.ClickException as error:  # mkdocs' own sentences
            error.show()
            sys.exit(error.exit_code)
        sys.exit(0)


def _say_when_served(port: int) -> None:
    while listener(os.getpid(), port) is None:
        time.sleep(0.1)
    _say(f"The docs are on http://localhost:{port} · stop: Ctrl-C")


def _say(what: str) -> None:
    say(what)
    console.file.flush()  # a signal ends this process without that


def make(target: Path | None = None, run_notebooks: bool = False) -> int:
    """Build the site strictly, into `target` or `site/`; the exit code of mkdocs.

    run_notebooks: first run the notebooks that have changed. Raises WorkshopError when a cell fails.
    """
    from workshop.docsite import notebook_pages

    notebook_pages.write(run=run_notebooks)
    command = [*_MKDOCS, "build", "--strict", *(["--site-dir", str(target)] if target else [])]
    return subprocess.run(command, cwd=paths.ROOT, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    # The pages take code out of the lessons with an extension that lies beside this module. Material's notice
    # about a successor is for maintainers: CONTRIBUTING.md has it.
    return inherited() | {"PYTHONPATH": str(paths.SOURCES), "NO_MKDOCS_2_WARNING": "1"}
