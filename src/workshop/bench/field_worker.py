"""A worker with all its processes: started, weighed, and ended, by kill -9 too."""

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

STOP_SECONDS = 5


class Worker:
    """`commands` run side by side. What they write goes to the file `log`."""

    def __init__(self, commands: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path):
        self._commands, self._folder, self._environment = commands, folder, environment
        self._log = log
        self._roots: list[subprocess.Popen] = []

    def start(self) -> float:
        """Start, and return the moment (time.time)."""
        with self._log.open("ab") as log:
            began = time.time()
            self._roots = [
                subprocess.Popen(
                    shlex.split(command),
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                for command in self._commands
            ]
        return began

    @property
    def running(self) -> bool:
        return bool(self._roots) and all(root.poll() is None for root in self._roots)

    def last_lines(self, count: int = 8) -> str:
        """The end of what it wrote."""
        if not self._log.is_file():
            return ""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-count:])

    def memory(self) -> float:
        """Megabytes of all its processes. What they share counts once, where the system tells (Linux)."""
        total = 0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                found = process.memory_full_info()
                total += getattr(found, "pss", 0) or found.rss
        return total / 1e6

    def stop(self) -> None:
        """End it as an administrator does, and after a while by force."""
        for root in self._roots:
            root.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for root in self._roots:
            with contextlib.suppress(subprocess.TimeoutExpired):
                root.wait(max(0.1, deadline - time.monotonic()))
        self.kill()

    def kill(self) -> None:
        """kill -9 for every process of it: the power cut. Returns once they are gone."""
        while family := self._family():
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            for root in self._roots:
                root.poll()
            psutil.wait_procs(family, STOP_SECONDS)
        for root in self._roots:
            root.kill()
            root.wait()

    def _family(self) -> list[psutil.Process]:
        """Each root and all that it started, also what has lost its parent since."""
        sessions = {root.pid for root in self._roots}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found
