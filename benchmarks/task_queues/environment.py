"""Create a separate virtual environment for the compared libraries. The workshop doesn't need them."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from workshop import paths
from workshop.console import say
from workshop.errors import WorkshopError
from workshop.system import atomic_file

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
VERSIONS = """
import json
from importlib.metadata import distributions
print(json.dumps({package.metadata["Name"].lower(): package.version for package in distributions()}))
"""


def folder() -> Path:
    """Return the folder of the virtual environment, .workshop/bench-venv."""
    return paths.STATE / "bench-venv"


def python() -> Path:
    """Return the path of the virtual environment's Python.

    The first call creates the environment. The first call after the requirements have changed recreates it.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp, executable = folder() / "bench-stamp", folder() / "bin/python"
    with atomic_file.locked(folder().with_suffix(".lock")):
        if not (stamp.is_file() and stamp.read_text() == wanted and executable.exists()):
            say(f"Installing the task queues to compare into {paths.shown(folder())} …")
            _make(executable)
            stamp.write_text(wanted)
    return executable


def versions() -> dict[str, str]:
    """Return the versions of all packages in the virtual environment, by name."""
    listed = subprocess.run([python(), "-c", VERSIONS], capture_output=True, text=True, check=True)
    return json.loads(listed.stdout)


def _make(executable: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv:
        _run([uv, "venv", "--clear", "--python", sys.executable, str(folder())])
        # Compile to bytecode, as pip does. Otherwise, every worker would compile the modules when it starts.
        install = [uv, "pip", "install", "--compile-bytecode", "--python", str(executable)]
    else:
        _run([sys.executable, "-m", "venv", "--clear", str(folder())])
        install = [str(executable), "-m", "pip", "install"]
    _run([*install, "--require-hashes", "-r", str(REQUIREMENTS)])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise WorkshopError(
            "The libraries that `bench field` compares (RQ, Dramatiq, Huey, django-tasks) could not be "
            f"installed into {paths.shown(folder())}:\n{reason}\n"
            "The first run needs network access to a package index. Connect and try again."
        )
