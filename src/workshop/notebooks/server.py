"""Copy the notebooks for the learner, and run the JupyterLab server that serves the copies."""

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
from workshop.notebooks import settings_folders
from workshop.runtime.procfile import Service
from workshop.system import atomic_file
from workshop.system.child import Child
from workshop.system.environment import inherited, kept
from workshop.system.ports import claim, next_free, taken_by
from workshop.system.secret import secret

PORT = 8888
HELPER = "helper.py"


def main(lesson: Lesson | None, port: int, fresh: bool, browser: bool) -> int:
    """Print the address, and serve the learner's notebooks until Ctrl-C is pressed. Returns the exit code.

    Args:
        lesson: The lesson whose notebook is opened first.
        port: JupyterLab's port.
        fresh: Whether to back up the learner's copy of the notebook and then replace it with a new copy.
        browser: Whether to open the address in a browser.

    Raises:
        WorkshopError: The port is taken, `fresh` is set without a lesson, or JupyterLab exited on its own.
    """
    if fresh:
        if lesson is None:
            raise WorkshopError(
                "Add the lesson whose notebook you want to replace: ./workshop notebooks 02 --fresh"
            )
        if backup := start_over(lesson):
            say(f"A backup of your notebook is in {paths.shown(backup)}")
    if not claim(port):
        raise WorkshopError(
            f"Port {port} is taken by {taken_by(port)}. If ./workshop up is running, it is already "
            f"serving the notebooks. To use another port: ./workshop notebooks --port {next_free(port + 1)}"
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
    raise WorkshopError(f"JupyterLab exited with code {code}. The log is in {paths.shown(service.log)}")


def jupyter(port: int = PORT) -> Service:
    """Return the service that runs JupyterLab on 127.0.0.1.

    JupyterLab serves the learner's copies of the notebooks and uses the kernel in .venv.
    """
    folder = update_copies()
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": shlex.quote(str(folder)),
        # Prevents other users of this machine from reading or sending a kernel's messages.
        "KernelManager.transport_encryption": "auto",
        # Don't look for news or updates on the internet.
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    words = " ".join(f"--{name}={value}" for name, value in options.items())
    # A kernel uses the broker and the data of the project that its notebook opens.
    environment = (
        inherited()
        | kept()
        | {
            # Not a command-line option, because the process list shows command-line options.
            "JUPYTER_TOKEN": token(),
            "JUPYTER_CONFIG_PATH": str(_settings_folder()),
            **settings_folders(),
            # The open tabs. By default, all clones of the workshop would share them in the home folder.
            "JUPYTERLAB_WORKSPACES_DIR": str(paths.STATE / "jupyter" / "workspaces"),
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
    """Create and return a settings folder that stops JupyterLab from asking whether it may fetch news."""
    folder = paths.STATE / "jupyter"
    settings = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    atomic_file.write_json(folder / "labconfig" / "page_config.json", settings)
    return folder


def address_of(lesson: Lesson | None, port: int = PORT) -> str:
    """Return the address of a lesson's notebook or of the list of notebooks, including the access token."""
    page = f"/lab/tree/{lesson.name}.ipynb" if lesson and source(lesson).is_file() else "/lab"
    return f"http://localhost:{port}{page}?token={token()}"


def token() -> str:
    """Return this clone's access token, which is created on first use. Other users can't read the token."""
    return secret("notebook-token")


def source(lesson: Lesson) -> Path:
    """Return the workshop's original notebook for `lesson`, without outputs."""
    return paths.NOTEBOOKS / f"{lesson.name}.ipynb"


def update_copies() -> Path:
    """Update the notebooks that the learner has not changed, and return the folder with all notebooks."""
    folder = paths.PLAYGROUND / "notebooks"
    with atomic_file.locked(paths.STATE / "notebooks.lock"):
        known = atomic_file.read_json(_record())
        for file in sorted(paths.NOTEBOOKS.glob("*.ipynb")):
            copy, newest = folder / file.name, _digest(file)
            now = _digest(copy) if copy.exists() else None
            # A copy that is identical to the current notebook counts as unchanged, even without a record.
            if now in (None, known.get(file.name), newest):
                if now != newest:
                    atomic_file.copy(file, copy)
                known[file.name] = newest
        atomic_file.copy(paths.NOTEBOOKS / HELPER, folder / HELPER)
        atomic_file.write_json(_record(), known)
    return folder


def start_over(lesson: Lesson) -> Path | None:
    """Replace the learner's notebook with a new copy of the workshop's notebook.

    Returns:
        The path of the backup, or None if the learner had no copy yet.
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
    """Return the path of the file that records each copy's original hash."""
    return paths.STATE / "notebooks.json"
