"""Start a worker with all its processes, measure its memory, and stop or kill it."""

import contextlib
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from workshop.system.child import Child

STOP_SECONDS = 5


class Worker:
    """Runs `commands` side by side. Their output goes to the file `log`."""

    def __init__(self, commands: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path):
        self._commands, self._folder, self._environment = commands, folder, environment
        self._log = log
        self._roots: list[Child] = []

    def start(self) -> float:
        """Start the worker, and return the start time (time.time)."""
        began = time.time()
        options = {"folder": self._folder, "environment": self._environment, "log": self._log}
        self._roots = [Child(shlex.split(command), **options, append=True) for command in self._commands]
        return began

    @property
    def running(self) -> bool:
        return bool(self._roots) and all(root.running for root in self._roots)

    def last_lines(self, count: int = 8) -> str:
        """The last lines of the worker's output."""
        if not self._log.is_file():
            return ""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-count:])

    def memory(self) -> float:
        """Memory of all processes in MB. Shared memory counts only once, if the system reports it (Linux)."""
        total = 0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                found = process.memory_full_info()
                total += getattr(found, "pss", 0) or found.rss
        return total / 1e6

    def stop(self) -> None:
        """Terminate the worker as an administrator would, and kill it after STOP_SECONDS."""
        for root in self._roots:
            root.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for root in self._roots:
            root.wait(max(0.1, deadline - time.monotonic()))
        self.kill()

    def kill(self) -> None:
        """Kill every process with kill -9, to simulate a power cut. Returns once all are gone."""
        while family := self._family():
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            for root in self._roots:
                root.wait(0)
            psutil.wait_procs(family, STOP_SECONDS)
        for root in self._roots:
            root.kill()

    def _family(self) -> list[psutil.Process]:
        """Each root process and all its descendants, including orphaned ones."""
        sessions = {root.pid for root in self._roots}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found
