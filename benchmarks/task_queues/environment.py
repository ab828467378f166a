"""A separate virtual environment for the libraries to compare. The workshop itself needs none of them."""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from workshop import paths
from workshop.console import say
from workshop.errors import WorkshopError

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
LISTED = """
import json
from importlib.metadata import distributions
print(json.dumps({each.metadata["Name"].lower(): each.version for each in distributions()}))
"""


def folder() -> Path:
    """The environment's folder, .workshop/bench-venv."""
    return paths.STATE / "bench-venv"


def python() -> Path:
    """The environment's Python. The first call creates the environment, as does a change of the requirements.

    Raises WorkshopError if the installation fails, for example without a network.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp, executable = folder() / "bench-stamp", folder() / "bin/python"
    with _alone():
        if not (stamp.is_file() and stamp.read_text() == wanted and executable.exists()):
            say(f"Installing the task queues to compare into {paths.shown(folder())} …")
            _make(executable)
            stamp.write_text(wanted)
    return executable


def versions() -> dict[str, str]:
    """The versions of all installed packages, by name."""
    found = subprocess.run([python(), "-c", LISTED], capture_output=True, text=True, check=True)
    return json.loads(found.stdout)


def _make(executable: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv:
        _run([uv, "venv", "--clear", "--python", sys.executable, str(folder())])
        # Compile to bytecode, as pip does. Otherwise each start of a worker would compile the modules again.
        install = [uv, "pip", "install", "--compile-bytecode", "--python", str(executable)]
    else:
        _run([sys.executable, "-m", "venv", "--clear", str(folder())])
        install = [str(executable), "-m", "pip", "install"]
    _run([*install, "--require-hashes", "-r", str(REQUIREMENTS)])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise WorkshopError(
            "The libraries that `bench field` compares (RQ, Dramatiq, Huey, django-tasks) could not be "
            f"installed into {paths.shown(folder())}:\n{said}\n"
            "The first run needs a network connection and a package index. Connect and try again."
        )


@contextmanager
def _alone():
    """Keep two runs from installing into the environment at the same time."""
    folder().parent.mkdir(parents=True, exist_ok=True)
    with folder().with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
