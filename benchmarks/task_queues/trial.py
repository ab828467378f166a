"""Run one rival with its own broker and folder, and read the traces that its tasks leave."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import redis

from benchmarks.task_queues import environment
from benchmarks.task_queues.rivals import APPS, Rival
from benchmarks.task_queues.worker import Worker
from workshop import paths
from workshop.errors import WorkshopError
from workshop.runtime.broker import Broker
from workshop.system.environment import inherited

PATIENCE = 60.0
"""Seconds without a finished task before the worker counts as idle."""
Trace = dict[int, list[float]]
"""The times at which each task was started or finished, by task number."""


class Place:
    """The broker, folder and worker of `rival`. `worker` is not started yet."""

    def __init__(self, rival: Rival, broker: Broker, folder: Path, reliable: bool):
        self.rival, self.reliable = rival, reliable
        self._folder = folder
        self._url = broker.url
        self._traces = redis.Redis.from_url(broker.url.removesuffix("/0") + "/1")
        self._queue = redis.Redis.from_url(broker.url)
        self.worker = Worker(rival.commands, rival.folder, self.environment, folder / "worker.log")

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of the worker and the producer."""
        variables = inherited() | {
            "PATH": os.pathsep.join([str(environment.folder() / "bin"), os.environ.get("PATH", "")]),
            "HOME": str(self._folder),
            "PYTHONPATH": os.pathsep.join(
                map(str, dict.fromkeys([self.rival.folder, APPS, paths.SOLUTIONS / "01-sync"]))
            ),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": self._url,
            "DATA_DIR": str(self._folder),
        }
        if self.reliable:
            variables["BENCH_RELIABLE"] = "1"
        if self.rival.database:
            variables["DJANGO_SETTINGS_MODULE"] = "settings"
        return variables

    def run(self, *command: str) -> str:
        """Run the environment's Python with `command`, and return its output or raise WorkshopError."""
        done = subprocess.run(
            [str(environment.folder() / "bin/python"), *command],
            cwd=self.rival.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 5,
            check=False,
        )
        if done.returncode:
            end = "\n".join(done.stderr.splitlines()[-8:])
            raise WorkshopError(f"{self.rival.name}: {' '.join(command)} failed.\n{end}\n{self._said()}")
        return done.stdout

    def send(self, task: str, count: int) -> str:
        """Send `task` `count` times, numbered from 0, with send.py. Returns the output of send.py."""
        self._traces.delete("begun", "done")
        return self.run(str(APPS / "send.py"), self.rival.module, task, str(count))

    def traces(self, of: str) -> Trace:
        """The traces of one kind. of: "begun" or "done"."""
        found: Trace = {}
        for line in self._traces.lrange(of, 0, -1):
            number, moment = line.split()
            found.setdefault(int(number), []).append(float(moment))
        found.pop(-1, None)  # the warm-up task that opens the connection
        return found

    def all_done(self, count: int, patience: float = PATIENCE) -> Trace:
        """Wait until all of `count` tasks are finished, and return the times.

        Raises WorkshopError if the worker exits, finishes nothing for `patience` seconds, or finishes a task
        twice.
        """
        done, seen, since = {}, -1, time.monotonic()
        while True:
            if (length := self._traces.llen("done")) != seen:
                seen, since = length, time.monotonic()
                if seen >= count and len(done := self.traces("done")) == count:
                    break
            if not self.worker.running or time.monotonic() - since > patience:
                why = f"did nothing for {patience:.0f} s" if self.worker.running else "exited"
                done = self.traces("done")
                raise WorkshopError(
                    f"{self.rival.name}: {count - len(done)} of {count} tasks were not finished, because the "
                    f"worker {why}.\n{self._said()}"
                )
            time.sleep(0.005)
        if twice := sum(len(times) > 1 for times in done.values()):
            raise WorkshopError(f"{self.rival.name}: {twice} of {count} tasks were finished twice.")
        return done

    def left(self) -> dict[str, int]:
        """How many tasks the broker or the database still has, by state."""
        if self.rival.database:
            with closing(sqlite3.connect(self._folder / "db.sqlite3", timeout=20)) as database:
                states = (
                    "SELECT lower(status), count(*) FROM django_tasks_database_dbtaskresult GROUP BY status"
                )
                found = dict(database.execute(states))
            found.pop("successful", None)
        else:
            found = {word: getattr(self._queue, asked)(key) for word, (asked, key) in self.rival.left.items()}
        return {word: number for word, number in found.items() if number}

    def _said(self) -> str:
        return f"The end of the worker's log:\n{self.worker.last_lines()}" if self.worker.last_lines() else ""


@contextmanager
def place(rival: Rival, photo: bytes = b"", reliable: bool = False) -> Iterator[Place]:
    """Create a place, and remove it and its processes afterwards. photo: the JPEG that the tasks resize."""
    environment.python()
    folder = Path(tempfile.mkdtemp(prefix="workshop-bench-field-"))
    try:
        (folder / "photo.jpg").write_bytes(photo)
        with Broker(prefer=None) as broker:
            found = Place(rival, broker, folder, reliable)
            try:
                if rival.database:
                    found.run("manage.py", "migrate", "--verbosity", "0")
                yield found
            finally:
                found.worker.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
