"""The notebooks: the learner's copies of them, and the JupyterLab that shows them."""

import contextlib
import hashlib
import shlex
import subprocess
import sys
import webbrowser
from pathlib import Path

from workshop import paths
from workshop.console import say
from workshop.course import playground
from workshop.course.lessons import Lesson
from workshop.errors import WorkshopError
from workshop.runtime.services import Service
from workshop.system import atomic_file
from workshop.system.environment import inherited, kept
from workshop.system.ports import claim, next_free, taken_by
from workshop.system.secret import secret

PORT = 8888
HELPER = "helper.py"


def main(lesson: Lesson | None, port: int, fresh: bool, browser: bool) -> int:
    """Serve the learner's notebooks on `port` until Ctrl-C, and print the address; the exit code.

    lesson: whose notebook to open first. fresh: begin that notebook again, with a backup of the learner's.
    Raises WorkshopError when the port is taken, or there is nothing to begin again.
    """
    if fresh:
        if lesson is None:
            raise WorkshopError("Which notebook do you want to start over? ./workshop notebooks 02 --fresh")
        if backup := begin_again(lesson):
            say(f"Your notebook is kept: {paths.shown(backup)}")
    if not claim(port):
        raise WorkshopError(
            f"Port {port} is taken by {taken_by(port)}. If ./workshop up is running, it already serves the "
            f"notebooks. Another port: ./workshop notebooks --port {next_free(port + 1)}"
        )
    service = jupyter(port)
    address = address_of(lesson, port)
    say(f"{address}\nStop: Ctrl-C")
    if browser:
        webbrowser.open(address)
    with service.log.open("wb") as log:
        process = subprocess.Popen(
            shlex.split(service.command), cwd=service.folder, env=service.environment, stdout=log, stderr=log
        )
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()  # a second Ctrl-C would be a question in its log
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
            return 0
    raise WorkshopError(f"JupyterLab ended with exit code {code}. Its log: {paths.shown(service.log)}")


def jupyter(port: int = PORT) -> Service:
    """JupyterLab on 127.0.0.1:`port`, with the learner's copies, on the kernel of the workshop's .venv."""
    folder = copies()
    python = shlex.quote(sys.executable)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": shlex.quote(str(folder)),
        # Other users of this machine can neither read nor write what goes to a kernel.
        "KernelManager.transport_encryption": "auto",
        # It asks nobody on the internet for news or for a newer version.
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
            # Not an option: it would be visible in the list of processes.
            "JUPYTER_TOKEN": token(),
            "JUPYTER_CONFIG_PATH": str(_quiet()),
            "PYTHONPATH": str(paths.SOURCES),
            "PYTHONUNBUFFERED": "1",
        }
    )
    return Service(
        name="notebook",
        command=f"{python} -m workshop.notebooks.lab --no-browser --allow-root {words}",
        folder=folder,
        environment=environment,
        port=port,
        log=paths.STATE / "notebook.log",
    )


def _quiet() -> Path:
    """A folder of settings for JupyterLab without its question whether it may fetch news."""
    folder = paths.STATE / "jupyter"
    page = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    file = folder / "labconfig" / "page_config.json"
    atomic_file.write_json(file, page)
    return folder


def address_of(lesson: Lesson | None, port: int = PORT) -> str:
    """The address of a lesson's notebook, or of the list of them, with the token in it."""
    page = f"/lab/tree/{lesson.name}.ipynb" if lesson and source(lesson).is_file() else "/lab"
    return f"http://localhost:{port}{page}?token={token()}"


def token() -> str:
    """The token of this machine, made at its first use and kept in `.workshop/`, readable by its owner."""
    return secret("notebook-token")


def source(lesson: Lesson) -> Path:
    """The notebook of `lesson` as the workshop has it, without outputs."""
    return paths.NOTEBOOKS / f"{lesson.name}.ipynb"


def copies() -> Path:
    """The folder with the learner's notebooks. Those they have not changed are brought up to date."""
    folder = paths.PLAYGROUND / "notebooks"
    with atomic_file.locked(paths.STATE / "notebooks.lock"):
        known = atomic_file.read_json(_record())
        for file in sorted(paths.NOTEBOOKS.glob("*.ipynb")):
            copy, newest = folder / file.name, _digest(file)
            now = _digest(copy) if copy.exists() else None
            # A copy that equals the newest notebook is not the learner's work, whatever the record says.
            if now in (None, known.get(file.name), newest):
                if now != newest:
                    atomic_file.copy(file, copy)
                known[file.name] = newest
        atomic_file.copy(paths.NOTEBOOKS / HELPER, folder / HELPER)
        atomic_file.write_json(_record(), known)
    return folder


def begin_again(lesson: Lesson) -> Path | None:
    """Put the workshop's notebook in the place of the learner's. Returns where theirs is kept, if any."""
    copy, backup = paths.PLAYGROUND / "notebooks" / f"{lesson.name}.ipynb", None
    if copy.exists():
        backup = playground.backup_folder("notebooks") / copy.name
        atomic_file.copy(copy, backup)
        atomic_file.copy(source(lesson), copy)
    copies()
    return backup


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _record() -> Path:
    """The file with the digests of the copies as they were made."""
    return paths.STATE / "notebooks.json"
