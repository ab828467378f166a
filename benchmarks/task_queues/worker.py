"""Start a worker with all its processes, measure its memory, and stop or kill it."""

import contextlib
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from workshop.system.child import Child
from workshop.system.waiting import until

STOP_SECONDS = 5


class Worker:
    """A worker that consists of one or more processes.

    Args:
        commands: The commands to run at the same time.
        folder: The folder in which the commands run.
        environment: The environment variables of the commands.
        log: The file for the output of the commands.
    """

    def __init__(self, commands: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path):
        self._commands = commands
        self._options = {"folder": folder, "environment": environment, "log": log, "append": True}
        self._children: list[Child] = []

    def start(self) -> float:
        """Start the worker, and return the start time in seconds since 1970."""
        start = time.time()
        self._children = [Child(shlex.split(command), **self._options) for command in self._commands]
        return start

    @property
    def running(self) -> bool:
        """Whether the worker was started and none of its processes has exited."""
        return bool(self._children) and all(child.running for child in self._children)

    def last_lines(self) -> str:
        """Return the last lines of the worker's output."""
        return self._children[0].last_lines(8) if self._children else ""

    def memory(self) -> float:
        """Return the memory of all processes of the worker, in MB.

        Shared memory counts only once on systems that report it, such as Linux.
        """
        total = 0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", 0) or memory.rss
        return total / 1e6

    def stop(self) -> None:
        """Terminate the worker as an administrator would, and kill it if it still runs after STOP_SECONDS."""
        for child in self._children:
            child.terminate()
        until(lambda: not any(child.running for child in self._children), STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill every process with kill -9, as in a power failure, and wait until all processes are gone."""
        until(self._all_killed)
        for child in self._children:
            child.kill()

    def _all_killed(self) -> bool:
        processes = self._processes()
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return not processes

    def _processes(self) -> list[psutil.Process]:
        """Return the processes of the worker and all their descendants, including orphaned processes."""
        sessions = {child.pid for child in self._children}
        processes = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                    processes.append(process)
        return processes
