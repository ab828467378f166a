"""A pytest process that runs a lesson's checks on a project, with its own broker and data."""

import contextlib
import os
import re
import tempfile
import time
from pathlib import Path

from workshop import paths
from workshop.checks.events import Broken, Event, Finished, PartDone, decode
from workshop.checks.options import Options
from workshop.course.lessons import Lesson
from workshop.course.project import Project
from workshop.runtime import diagnosis, temporary_database, temporary_vhosts
from workshop.runtime.forked_process import Fork, ForkServer

MAX_SILENCE = 90
"""A process that sends no event for this many seconds is stopped. A single check takes far less time."""

NEVER_INHERITED = ("AWS_STORAGE_BUCKET_NAME", "CELERY_RESULT_BACKEND", "EMAIL_HOST")
"""Environment variables that a run never inherits, even if WORKSHOP_KEEP lists them.

A run's photos, results and emails stay in its own data folder and broker.
"""

PASSED = re.compile(r"[.s]+(\s|$)")
"""Matches pytest's progress lines, which never contain the cause of a failure."""


class PytestProcess:
    """A pytest process that runs checks with its own broker.

    The process and the broker start immediately, but the process loads the project only in `start()`. Call
    `close()` to stop the process and the broker and to remove their files.

    Attributes:
        stream: The pipe that becomes readable when there are new events.
        done: Whether the last event has been read.
    """

    def __init__(self, project: Project, forks: ForkServer, options: Options):
        self.project = project
        self.done = False
        self._arguments = _arguments(project.lesson, options.only)
        self._last = Event()
        self._last_read = time.monotonic()
        self._incomplete = b""
        with contextlib.ExitStack() as stack:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workshop-check-")))
            self._log = data / "pytest.log"
            self._process, self.stream = self._fork(forks, stack)
            self._environment = self._prepare_environment(data, forks, options, stack)
            self._stack = stack.pop_all()

    def _fork(self, forks: ForkServer, stack: contextlib.ExitStack):
        reading, writing = os.pipe()
        stream = stack.enter_context(os.fdopen(reading, "rb"))
        try:
            with self._log.open("wb") as output:
                process = Fork(forks.socket, output.fileno(), events=writing)
        finally:
            os.close(writing)
        stack.callback(process.kill)  # also kills the worker, which is in the same process group
        return process, stream

    def _prepare_environment(
        self, data: Path, forks: ForkServer, options: Options, stack: contextlib.ExitStack
    ) -> dict[str, str]:
        """Start the servers for the process, and return the process's environment variables."""
        environment = self.project.environment(data=data)
        for name in NEVER_INHERITED:
            environment.pop(name, None)
        database, broker = (environment.pop(name, "") for name in ("DATABASE_URL", "CELERY_BROKER_URL"))
        environment |= options.environment() | {
            "DJANGO_SETTINGS_MODULE": self.project.settings_module,
            "PRACTICE": "1",
            "PYTHONPATH": os.pathsep.join([str(self.project.folder), str(paths.SOURCES)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "WORKSHOP_TEMPLATES": str(forks.folder),
        }
        # Never use the learner's database. Without PostgreSQL, each process has a file in its data folder.
        if temporary_database.is_postgres(database):
            environment["DATABASE_URL"] = stack.enter_context(temporary_database.create(database))
        if self.project.lesson.has_broker:
            # imported here, because the import takes a quarter of a second, and lesson 01 doesn't need it
            from workshop.runtime.broker import Broker

            environment["REDIS_URL"] = stack.enter_context(Broker(prefer=None)).url
            # For Celery, this variable takes precedence over the settings. Results and locks stay in the
            # process's Redis.
            if temporary_vhosts.is_amqp(broker):
                environment["CELERY_BROKER_URL"] = stack.enter_context(temporary_vhosts.create(broker))
        return environment

    def start(self) -> None:
        """Run the checks. `read()` returns the events that `workshop.checks.pytest_plugin` sends."""
        self._last_read = time.monotonic()
        self._process.run("pytest", self._arguments, self.project.folder, self._environment)

    @property
    def seconds_left(self) -> float:
        """How many seconds remain before the process counts as hanging."""
        return max(0.0, self._last_read + MAX_SILENCE - time.monotonic())

    def read(self) -> list[Event]:
        """Return the events that have arrived. Call this method when `stream` is readable.

        Returns:
            The events that have arrived in full. The last event of a run is Finished, or Broken if the
            process exited early.
        """
        self._last_read = time.monotonic()
        chunk = os.read(self.stream.fileno(), 65536)
        *lines, self._incomplete = (self._incomplete + chunk).split(b"\n")
        events = [decode(line) for line in lines]
        for event in events:
            self.done = isinstance(event, Finished)
            if event.part:
                self._last = event
        if not chunk and not self.done:
            events.append(self._broken(self._why_exited()))
        return events

    def timed_out(self) -> Broken:
        """Return the event for a process that has sent no event for too long."""
        return self._broken(self._why_silent())

    def _broken(self, cause: str) -> Broken:
        self.done = True
        part = "" if isinstance(self._last, PartDone) else self._last.part
        return Broken(cause=cause, part=part)

    def _why_silent(self) -> str:
        about = getattr(self._last, "about", "")
        doing = f" during this check: {about}" if about else ""
        return f"Nothing happened for {MAX_SILENCE} s{doing}. Does your code contain an endless loop?"

    def _why_exited(self) -> str:
        """Wait for the process to exit, and return why it exited. The process has already closed its pipe."""
        if self._process.wait(MAX_SILENCE) is None:
            return self._why_silent()
        text = self._log.read_text(errors="replace")
        lines = [line for line in text.splitlines() if not PASSED.match(line)]
        cause = str(diagnosis.cause(lines, self.project.folder))
        # These messages about the settings come from Django's system checks or from pytest-django.
        cause = re.sub(r"^(SystemExit|ImportError): ", "", cause)
        return cause or f"The checks exited with code {self._process.exit_code}."

    def close(self) -> None:
        """Stop the process, whatever it is doing. Do nothing if it has already stopped."""
        self._stack.close()


def _arguments(lesson: Lesson, step: str | None) -> list[str]:
    kit, checks = paths.SOURCES / "workshop" / "checkkit", lesson.folder / "checks"
    of_step = sorted(checks.glob(f"test_{step.replace('.', '_')}_*.py")) if step else []
    files = of_step or [checks, *(paths.LESSONS / name for name in lesson.keeps)]
    arguments = ["-q", "--tb=native", "-c", str(kit / "checks.ini"), "-p", "pytest_django.plugin"]
    arguments += ["-p", "workshop.checks.pytest_plugin", "--rootdir", str(paths.LESSONS)]
    return [*arguments, *map(str, files)]
