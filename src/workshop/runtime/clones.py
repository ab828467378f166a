"""Find the clone that a process belongs to. Two clones on one machine may need the same port."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from workshop import paths

SERVERS = ("up", "docs", "notebooks", "demo")
"""Commands that run until you press Ctrl-C, which also stops all the processes that they started."""


@dataclass(frozen=True)
class Owner:
    """The clone that a process belongs to.

    Attributes:
        clone: The clone's folder.
        command: The command that started the process, or "" if the command is unknown.
    """

    clone: Path
    command: str = ""


def owner_of(pid: int) -> Owner | None:
    """Return the owner of process `pid`, or None if it isn't part of a clone or belongs to another user."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in [process, *process.parents()]:
            if command := _command(member):
                return Owner(_root(member), f"./workshop {command}")
        for folder in _folders(process):
            for parent in (folder, *folder.parents):
                if parent == paths.ROOT or (parent / "src" / "workshop" / "cli.py").is_file():
                    return Owner(parent)
    return None


def how_to_stop(pid: int | None) -> str:
    """Return instructions for stopping a process that uses a port.

    The instructions contain a `kill` command only if the process belongs to this clone.

    Args:
        pid: The process ID, or None if the process belongs to another user.
    """
    owner = owner_of(pid) if pid else None
    if owner is None:
        return "Stop that process"
    if owner.clone == paths.ROOT:
        return f"Stop it with kill {pid}"
    where = f"the terminal where that clone runs {owner.command}" if owner.command else "its terminal"
    return f"That process belongs to another clone of the workshop, {owner.clone}. Press Ctrl-C in {where}"


def _command(process: psutil.Process) -> str:
    """Return the command in SERVERS that `process` runs, or ""."""
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        for module, name, command in zip(words, words[1:], words[2:], strict=False):
            if (module, name) == ("-m", "workshop") and command in SERVERS:
                return command
    return ""


def _root(process: psutil.Process) -> Path:
    """Return the folder of the clone whose `./workshop` command is running in `process`."""
    variables = process.environ()
    sources = variables.get("PYTHONPATH", "").partition(os.pathsep)[0]
    return Path(os.path.realpath(variables.get("WORKSHOP_ROOT") or Path(sources).parent))


def _folders(process: psutil.Process) -> Iterator[Path]:
    """Yield the working directory of a process and the folder of its executable, such as .venv/bin."""
    with contextlib.suppress(psutil.Error):
        yield Path(process.cwd())
    with contextlib.suppress(psutil.Error, IndexError):
        yield Path(process.cmdline()[0]).absolute().parent
