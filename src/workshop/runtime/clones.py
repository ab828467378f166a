"""Which clone of the workshop a process belongs to. Two clones on one machine may want the same port."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from workshop import paths

SERVERS = ("up", "docs", "notebooks", "demo")
"""Commands that run until Ctrl-C, with all processes that they start."""


@dataclass(frozen=True)
class Owner:
    """The clone that a process belongs to, and the command that started the process ("" if unknown)."""

    clone: Path
    command: str = ""


def owner_of(pid: int | None) -> Owner | None:
    """Return the owner of the process `pid`, or None if it belongs to no clone or to another user."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid) if pid else None
        family = [process, *process.parents()] if process else []
        for each in family:
            if command := _command(each):
                return Owner(_root(each), f"./workshop {command}")
        for folder in _folders(process) if process else ():
            for above in (folder, *folder.parents):
                if above == paths.ROOT or (above / "src" / "workshop" / "cli.py").is_file():
                    return Owner(above)
    return None


def how_to_stop(pid: int | None) -> str:
    """Return what to do about a process that holds a port: kill it only if it belongs to this clone.

    pid: None if the process belongs to another user.
    """
    owner = owner_of(pid)
    if owner is None:
        return "Stop that process"
    if owner.clone == paths.ROOT:
        return f"Stop it with kill {pid}"
    where = f"the terminal where {owner.command} runs" if owner.command else "its terminal"
    return f"It belongs to another clone of the workshop, {owner.clone}. Press Ctrl-C in {where} there"


def _command(process: psutil.Process) -> str:
    """Return which of SERVERS `process` runs, or ""."""
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        for module, name, command in zip(words, words[1:], words[2:], strict=False):
            if (module, name) == ("-m", "workshop") and command in SERVERS:
                return command
    return ""


def _root(process: psutil.Process) -> Path:
    """Return the clone whose command `process` runs."""
    variables = process.environ()
    sources = variables.get("PYTHONPATH", "").partition(os.pathsep)[0]
    return Path(os.path.realpath(variables.get("WORKSHOP_ROOT") or Path(sources).parent))


def _folders(process: psutil.Process) -> Iterator[Path]:
    """Yield folders that say where a process is from: its own, and that of its program, such as .venv/bin."""
    with contextlib.suppress(psutil.Error):
        yield Path(process.cwd())
    with contextlib.suppress(psutil.Error, IndexError):
        yield Path(process.cmdline()[0]).absolute().parent
