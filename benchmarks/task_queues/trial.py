"""Run a library with its own broker and folder, and read the traces that its tasks leave."""

import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import redis

from benchmarks.task_queues import environment
from benchmarks.task_queues.libraries import APPS, Library
from benchmarks.task_queues.worker import Worker
from workshop import paths
from workshop.errors import WorkshopError
from workshop.runtime.broker import Broker
from workshop.system.environment import inherited
from workshop.system.waiting import until

PATIENCE = 60.0
"""The number of seconds without a finished task after which the worker counts as stuck."""
Trace = dict[int, list[float]]
"""The times at which each task was started (or finished), by task number."""


class Trial:
    """A library with its broker, its folder and its worker. At first, the worker is not running.

    Args:
        library: The library to run.
        redis_url: The URL of the broker.
        folder: The folder for the worker's files.
        reliable: Whether to use the reliable settings instead of the default ones.
    """

    def __init__(self, library: Library, redis_url: str, folder: Path, reliable: bool):
        self.library, self.folder = library, folder
        self._traces = redis.Redis.from_url(redis_url.removesuffix("/0") + "/1")
        self._queue = redis.Redis.from_url(redis_url)
        self._python = environment.python()
        folders = [library.folder, APPS, paths.SOLUTIONS / "01-sync"]
        self._environment = inherited() | {
            "PATH": os.pathsep.join([str(self._python.parent), os.environ.get("PATH", "")]),
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": redis_url,
            "DATA_DIR": str(folder),
        }
        if reliable:
            self._environment["BENCH_RELIABLE"] = "1"
        if library.uses_database:
            self._environment["DJANGO_SETTINGS_MODULE"] = "settings"
        self.worker = Worker(library.commands, library.folder, self._environment, folder / "worker.log")

    def run(self, *arguments: str) -> str:
        """Run the virtual environment's Python with `arguments`, and return the program's output.

        Raises:
            WorkshopError: If the program failed.
        """
        done = subprocess.run(
            [str(self._python), *arguments],
            cwd=self.library.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 5,
            check=False,
        )
        if done.returncode:
            end = "\n".join(done.stderr.splitlines()[-8:])
            raise WorkshopError(self.message(f"{' '.join(arguments)} failed.\n{end}"))
        return done.stdout

    def send(self, task: str, count: int) -> str:
        """Run send.py to send `count` tasks of the kind `task`, and return the output of send.py."""
        self._traces.delete("started", "finished")
        return self.run(str(APPS / "send.py"), self.library.module, task, str(count))

    def traces(self, kind: str) -> Trace:
        """Return the traces of one kind, "started" or "finished"."""
        trace: Trace = {}
        for line in self._traces.lrange(kind, 0, -1):
            number, moment = line.split()
            trace.setdefault(int(number), []).append(float(moment))
        trace.pop(-1, None)  # the warm-up task that opens the connection
        return trace

    def all_finished(self, count: int, patience: float = PATIENCE) -> list[float]:
        """Wait until all of the `count` tasks are finished, and return the times at which they were finished.

        Args:
            count: The number of tasks that were sent.
            patience: The number of seconds without a finished task after which to stop waiting.

        Raises:
            WorkshopError: If the worker exited, finished no task for `patience` seconds, or finished a task
                twice.
        """
        while True:
            lines = self._traces.llen("finished")
            # Reading all traces slows down the worker, so read them only once there are enough of them.
            if lines >= count and len(finished := self.traces("finished")) == count:
                break
            if not self._another_trace(lines, patience):
                why = f"did nothing for {patience:.0f} s" if self.worker.running else "exited"
                missing = count - len(self.traces("finished"))
                raise WorkshopError(
                    self.message(f"{missing} of {count} tasks were not finished, because the worker {why}.")
                )
        if twice := sum(len(times) > 1 for times in finished.values()):
            raise WorkshopError(self.message(f"{twice} of {count} tasks were finished twice."))
        return [times[0] for times in finished.values()]

    def _another_trace(self, lines: int, patience: float) -> bool:
        """Wait for another finished task. Returns False if the worker exits or after `patience` seconds."""
        until(lambda: self._traces.llen("finished") > lines or not self.worker.running, patience)
        return self._traces.llen("finished") > lines

    def left(self) -> dict[str, int]:
        """Return the number of tasks that the broker or the database still contains, by state."""
        if self.library.uses_database:
            with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as database:
                query = (
                    "SELECT lower(status), count(*) FROM django_tasks_database_dbtaskresult GROUP BY status"
                )
                counts = dict(database.execute(query))
            counts.pop("successful", None)
        else:
            counts = {
                state: getattr(self._queue, command)(key)
                for state, (command, key) in self.library.counters.items()
            }
        return {state: count for state, count in counts.items() if count}

    def message(self, what: str) -> str:
        """Return `what`, preceded by the library's name and followed by the end of the worker's log."""
        log = self.worker.last_lines()
        end = f"\nThe end of the worker's log:\n{log}" if log else ""
        return f"{self.library.name}: {what}{end}"


@contextmanager
def prepared(library: Library, photo: bytes = b"", reliable: bool = False) -> Iterator[Trial]:
    """Prepare a trial of `library`. Stop its processes and delete its files afterwards.

    Args:
        library: The library to run.
        photo: The bytes of the JPEG file that the tasks resize.
        reliable: Whether to use the reliable settings instead of the default ones.

    Yields:
        The trial, whose worker has not been started yet.
    """
    with (
        tempfile.TemporaryDirectory(prefix="workshop-bench-field-", ignore_cleanup_errors=True) as folder,
        Broker(prefer=None) as broker,
    ):
        Path(folder, "photo.jpg").write_bytes(photo)
        trial = Trial(library, broker.url, Path(folder), reliable)
        if library.uses_database:
            trial.run("-m", "django", "migrate", "--verbosity", "0")
        try:
            yield trial
        finally:
            trial.worker.stop()
