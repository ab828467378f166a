"""The operating system's processes: which of them still run, what they are, and what they have started.

A zombie does not count as running: init may need seconds to remove the processes that it has adopted.
"""

import contextlib
from collections.abc import Iterable

import psutil


def runs(process: psutil.Process) -> bool:
    """Return False for a zombie, too."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those of the processes that still run."""
    return [process for process in processes if runs(process)]


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """Return what the process has started, directly or not; without `pid`, what the tests have started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def command_line(process: psutil.Process) -> str:
    """Return the command that started the process; "" if it has just ended."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def kill(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Kill those of the processes that still run, and return them."""
    left = alive(processes)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return left
