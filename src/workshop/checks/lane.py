"""A process that runs a lesson's checks on a project, with its own broker and data."""

import contextlib
import os
import re
import tempfile
import time
from pathlib import Path

from workshop import paths
from workshop.checks.events import Broken, Event, Finished, PartDone, decode
from workshop.course.lessons import Lesson
from workshop.course.project import Project
from workshop.runtime import diagnosis, temporary_database, temporary_vhosts
from workshop.runtime.forked_process import Fork, ForkServer
from workshop.system import signals

SILENCE = 90
"""Seconds without an event after which a lane is stopped. A single check takes far less."""

OF_THE_LEARNER = ("AWS_STORAGE_BUCKET_NAME", "CELERY_RESULT_BACKEND", "EMAIL_HOST")
"""Variables that a run never gets, even if WORKSHOP_KEEP names them.

A run's photos, results and emails stay in its own data folder and broker.
"""

PASSED = re.compile(r"[.s]+(\s|$)")
"""What pytest prints while checks pass. It is never the cause of a failure."""


class Lane:
    """A lane forks its process and starts its broker immediately, but reads the project only after `start()`.

    options: variables for `workshop.checks.plugin`. step: run only the checks of this step.
    Call `close()` to stop the process and the broker and to remove their files.
    """

    def __init__(self, project: Project, forks: ForkServer, step: str | None, options: dict[str, str]):
        self.project = project
        self.over = False
        self._last = Event()
        self._heard = time.monotonic()
        self._rest = b""
        self._stack = contextlib.ExitStack()
        try:
            with signals.held():  # a process that is half started could not be stopped
                self._make_ready(forks, step, options)
        except BaseException:
            self.close()
            raise

    def _make_ready(self, forks: ForkServer, step: str | None, options: dict[str, str]) -> None:
        data = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="workshop-check-"))
        environment = self.project.environment(data=Path(data))
        for name in OF_THE_LEARNER:
            environment.pop(name, None)
        database, broker = (environment.pop(name, "") for name in ("DATABASE_URL", "CELERY_BROKER_URL"))
        self._environment = environment | options
        self._environment |= {
            "DJANGO_SETTINGS_MODULE": self.project.settings_module,
            "PRACTICE": "1",
            "PYTHONPATH": os.pathsep.join([str(self.project.folder), str(paths.SOURCES)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "WORKSHOP_STEPS": " ".join(each.id for each in self.project.lesson.steps),
            "WORKSHOP_OPTIONAL": " ".join(each.id for each in self.project.lesson.steps if each.optional),
            "WORKSHOP_ONLY": step or "",
            "WORKSHOP_TEMPLATES": str(forks.folder),
        }
        self._arguments = _arguments(self.project.lesson, step)
        self._log = Path(data, "pytest.log")
        self._child, self.stream = self._fork(forks)
        # Never use the learner's database. Without a server, each lane has a file in its data folder.
        if temporary_database.is_postgres(database):
            self._environment["DATABASE_URL"] = self._stack.enter_context(temporary_database.create(database))
        if self.project.lesson.has_broker:
            from workshop.runtime.broker import (
                Broker,
            )  # imported here, because it takes a quarter of a second, and lesson 01 doesn't need it

            self._environment["REDIS_URL"] = self._stack.enter_context(Broker(prefer=None)).url
            # For Celery, this variable takes precedence over the settings. Results and locks stay in the
            # lane's Redis.
            if temporary_vhosts.is_amqp(broker):
                self._environment["CELERY_BROKER_URL"] = self._stack.enter_context(
                    temporary_vhosts.create(broker)
                )

    def _fork(self, forks: ForkServer):
        reading, writing = os.pipe()
        stream = self._stack.enter_context(os.fdopen(reading, "rb"))
        try:
            with self._log.open("wb") as output:
                child = Fork(forks.socket, output.fileno(), events=writing)
        finally:
            os.close(writing)
        self._stack.callback(child.kill)  # the worker is in this process's group
        return child, stream

    def start(self) -> None:
        """Run the checks. `take()` returns their events, as `workshop.checks.plugin` sends them."""
        self._heard = time.monotonic()
        self._child.run("pytest", self._arguments, self.project.folder, self._environment)

    @property
    def patience(self) -> float:
        """The number of seconds for which the lane may still be silent."""
        return max(0.0, self._heard + SILENCE - time.monotonic())

    def take(self) -> list[Event]:
        """Return the events that have arrived. Call this when `stream` is readable.

        Returns [] if no event is complete. The last event is Finished, or Broken if the process exited early.
        """
        self._heard = time.monotonic()
        chunk = os.read(self.stream.fileno(), 65536)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        events = [decode(line) for line in lines]
        for event in events:
            self.over = isinstance(event, Finished)
            if event.part:
                self._last = event
        if not chunk and not self.over:
            events.append(self._broken(self._why()))
        return events

    def silent(self) -> Broken:
        """Return the event of a lane that was silent for too long."""
        about = getattr(self._last, "about", "")
        doing = f" while: {about}" if about else ""
        return self._broken(
            f"Nothing happened for {SILENCE} s{doing}. Does your code contain an endless loop?"
        )

    def _broken(self, cause: str) -> Broken:
        self.over = True
        part = "" if isinstance(self._last, PartDone) else self._last.part
        return Broken(cause=cause, part=part)

    def _why(self) -> str:
        """Return why the process exited. It has closed its pipe, so it exits within moments."""
        if self._child.wait(SILENCE) is None:
            return self.silent().cause
        text = self._log.read_text(errors="replace")
        lines = [line for line in text.splitlines() if not PASSED.match(line)]
        cause = str(diagnosis.cause(lines, self.project.folder))
        # A sentence about the settings, from Django's checks or passed on by pytest-django.
        cause = re.sub(r"^(SystemExit|ImportError): ", "", cause)
        return cause or f"The checks exited with code {self._child.exit_code}."

    def close(self) -> None:
        """Stop the lane, whatever it is doing. Does nothing if it is already stopped."""
        self._stack.close()


def _arguments(lesson: Lesson, step: str | None) -> list[str]:
    kit, checks = paths.SOURCES / "workshop" / "checkkit", lesson.folder / "checks"
    of_step = sorted(checks.glob(f"test_{step.replace('.', '_')}_*.py")) if step else []
    files = of_step or [checks, *(paths.LESSONS / name for name in lesson.keeps)]
    arguments = ["-q", "--tb=native", "-c", str(kit / "checks.ini"), "-p", "pytest_django.plugin"]
    arguments += ["-p", "workshop.checks.plugin", "--rootdir", str(paths.LESSONS)]
    return [*arguments, *map(str, files)]
