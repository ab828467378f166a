"""The learner's copies of the notebooks, and the JupyterLab server for them."""

import hashlib
import shlex
import sys
import webbrowser
from pathlib import Path

from workshop import paths
from workshop.console import say
from workshop.course import playground
from workshop.course.lessons import Lesson
from workshop.errors import WorkshopError
from workshop.runtime.procfile import Service
from workshop.system import atomic_file
from workshop.system.child import Child
from workshop.system.environment import inherited, kept
from workshop.system.ports import claim, next_free, taken_by
from workshop.system.secret import secret

PORT = 8888
HELPER = "helper.py"


def main(lesson: Lesson | None, port: int, fresh: bool, browser: bool) -> int:
    """Serve the learner's notebooks until Ctrl-C, and print the address. Returns the exit code.

    Args:
        lesson: The lesson whose notebook is opened first.
        port: JupyterLab's port.
        fresh: Whether to replace the learner's copy after backing it up.
        browser: Whether to open the address in a browser.

    Raises:
        WorkshopError: The port is taken, `fresh` is set without a lesson, or JupyterLab exited.
    """
    if fresh:
        if lesson is None:
            raise WorkshopError("Which notebook do you want to start over? ./workshop notebooks 02 --fresh")
        if backup := start_over(lesson):
            say(f"A backup of your notebook is in {paths.shown(backup)}")
    if not claim(port):
        raise WorkshopError(
            f"Port {port} is taken by {taken_by(port)}. If ./workshop up is running, it already serves the "
            f"notebooks. Another port: ./workshop notebooks --port {next_free(port + 1)}"
        )
    service, address = jupyter(port), address_of(lesson, port)
    say(f"{address}\nStop: Ctrl-C")
    if browser:
        webbrowser.open(address)
    command = shlex.split(service.command)
    options = {"folder": service.folder, "environment": service.environment, "log": service.log}
    with Child(command, **options) as server:
        try:
            code = server.wait()
        except KeyboardInterrupt:
            return 0
    raise WorkshopError(f"JupyterLab ended with exit code {code}. Its log: {paths.shown(service.log)}")


def jupyter(port: int = PORT) -> Service:
    """Return the service for JupyterLab on 127.0.0.1, with the learner's copies and .venv's kernel."""
    folder = update_copies()
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": shlex.quote(str(folder)),
        # Other users of this machine can neither read nor write a kernel's messages.
        "KernelManager.transport_encryption": "auto",
        # Don't look for news or updates on the internet.
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    words = " ".join(f"--{name}={value}" for name, value in options.items())
    # A kernel gets the broker and the data of the project that its notebook opens.
    environment = (
        inherited()
        | kept()
        | {
            # Not a command-line option, because those are visible in the process list.
            "JUPYTER_TOKEN": token(),
            "JUPYTER_CONFIG_PATH": str(_settings_folder()),
            "PYTHONPATH": str(paths.SOURCES),
            "PYTHONUNBUFFERED": "1",
        }
    )
    return Service(
        name="notebook",
        command=f"{shlex.quote(sys.executable)} -m workshop.notebooks.lab --no-browser --allow-root {words}",
        folder=folder,
        environment=environment,
        port=port,
        log=paths.STATE / "notebook.log",
    )


def _settings_folder() -> Path:
    """Write a settings folder in which JupyterLab doesn't ask whether it may fetch news, and return it."""
    folder = paths.STATE / "jupyter"
    settings = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    atomic_file.write_json(folder / "labconfig" / "page_config.json", settings)
    return folder


def address_of(lesson: Lesson | None, port: int = PORT) -> str:
    """Return the address of a lesson's notebook, or of the list of notebooks. It contains the token."""
    page = f"/lab/tree/{lesson.name}.ipynb" if lesson and source(lesson).is_file() else "/lab"
    return f"http://localhost:{port}{page}?token={token()}"


def token() -> str:
    """Return this clone's token, which is created at first use. Only its owner can read it."""
    return secret("notebook-token")


def source(lesson: Lesson) -> Path:
    """Return the workshop's original notebook for `lesson`, without outputs."""
    return paths.NOTEBOOKS / f"{lesson.name}.ipynb"


def update_copies() -> Path:
    """Update the notebooks that the learner has not changed, and return the folder with all of them."""
    folder = paths.PLAYGROUND / "notebooks"
    with atomic_file.locked(paths.STATE / "notebooks.lock"):
        known = atomic_file.read_json(_record())
        for file in sorted(paths.NOTEBOOKS.glob("*.ipynb")):
            copy, newest = folder / file.name, _digest(file)
            now = _digest(copy) if copy.exists() else None
            # A copy that equals the current notebook is unchanged, whatever the record says.
            if now in (None, known.get(file.name), newest):
                if now != newest:
                    atomic_file.copy(file, copy)
                known[file.name] = newest
        atomic_file.copy(paths.NOTEBOOKS / HELPER, folder / HELPER)
        atomic_file.write_json(_record(), known)
    return folder


def start_over(lesson: Lesson) -> Path | None:
    """Replace the learner's notebook with the workshop's.

    Returns:
        The backup, or None if there was no copy.
    """
    copy, backup = paths.PLAYGROUND / "notebooks" / f"{lesson.name}.ipynb", None
    if copy.exists():
        backup = playground.backup_folder("notebooks") / copy.name
        atomic_file.copy(copy, backup)
        atomic_file.copy(source(lesson), copy)
    update_copies()
    return backup


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _record() -> Path:
    """Return the file with the hashes of the copies when they were created."""
    return paths.STATE / "notebooks.json"
