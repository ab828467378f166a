"""Run a lesson's checks on a project in several processes, and sort the events that they send."""

import contextlib
import select
import tempfile
from collections import defaultdict
from collections.abc import Iterator

from workshop.checks.events import (
    Broken,
    Checked,
    CheckStarted,
    Collected,
    Event,
    Finished,
    PartDone,
    WorkerReady,
)
from workshop.checks.options import Options
from workshop.checks.pytest_process import PytestProcess
from workshop.course.project import Project
from workshop.runtime.forked_process import ForkServer
from workshop.system import signals

PROCESSES = 3
"""The number of pytest processes.

Checks spend most of their time waiting, so three processes are a good fit for two CPU cores.
"""


class Run:
    """A run of a lesson's checks in several processes.

    A run loads libraries and starts a broker immediately, but it loads the project only in `events()`. Use
    the run as a context manager, or call `close()`, to stop all processes and remove temporary files.
    """

    def __init__(
        self,
        project: Project,
        step: str | None = None,
        everything: bool = False,
        first: str | None = None,
        forks: ForkServer | None = None,
    ):
        """Start the first process.

        Args:
            project: The project to check.
            step: The only step to check, or None for the whole lesson.
            everything: Whether to continue after a failure.
            first: The step to check first, or None to keep the order of the lesson.
            forks: The fork server to use, or None to start a new one.
        """
        self._project, self._step, self._everything, self._first = project, step, everything, first
        self._celery = project.lesson.has_broker
        self._optional = [step.id for step in project.lesson.steps if step.optional]
        with contextlib.ExitStack() as self._stack:
            with signals.held():
                self._forks = forks or self._stack.enter_context(ForkServer(celery=self._celery))
                claims = tempfile.TemporaryDirectory(prefix="workshop-claims-")
                self._claims = self._stack.enter_context(claims)
                self._processes = [self._new_process()]
            self._stack = self._stack.pop_all()

    def _new_process(self, long_first: bool = False) -> PytestProcess:
        """Return a new pytest process.

        The first process follows the order of the lesson, so that the first steps are reported early.
        """
        options = Options(
            steps=[step.id for step in self._project.lesson.steps],
            optional=self._optional,
            only=self._step,
            first=self._first,
            everything=self._everything,
            long_first=long_first,
            start_worker=self._celery and not self._step,
            claims=self._claims,
        )
        with signals.held():  # a half-started process could not be stopped
            process = PytestProcess(self._project, self._forks, options)
            self._stack.callback(process.close)
        return process

    def events(self) -> Iterator[Event]:
        """Run the checks, and yield their events as `workshop.checks.pytest_plugin` sends them.

        The events are in lesson order, as if a single process ran all checks. The run stops at the first
        failure unless `everything` is set. If the whole lesson is checked, a failure in an optional
        step doesn't stop the run. The last event is Finished, or Broken if a process exited early.
        """
        first, sorter = self._processes[0], EventSorter()
        first.start()
        # Let the step that the learner is working on run alone.
        starts_others = PartDone if self._first else CheckStarted
        for process, event in self._unsorted_events():
            if process is not first and isinstance(event, (Collected, WorkerReady)):
                continue  # the first process sends these events for all processes
            if isinstance(event, starts_others):
                self._start_others()
            for next_event in sorter.put(event):
                yield next_event
                if isinstance(next_event, Broken):
                    return
                if self._is_last(next_event):
                    yield Finished()
                    return
        yield Finished()

    def _is_last(self, event: Event) -> bool:
        """Return True if the event is a failure that stops the run."""
        if self._everything or not isinstance(event, Checked) or event.passed:
            return False
        return event.step == self._step or event.step not in self._optional

    def _start_others(self) -> None:
        """Start the other processes. If they started sooner, they would slow down the first process."""
        while not self._step and len(self._processes) < PROCESSES:
            self._processes.append(self._new_process(long_first=True))
            self._processes[-1].start()

    def _unsorted_events(self) -> Iterator[tuple[PytestProcess, Event]]:
        """Yield the events of all processes as they arrive, until all processes are done."""
        while running := [process for process in self._processes if not process.done]:
            streams = [process.stream for process in running]
            ready, _, _ = select.select(streams, [], [], min(process.seconds_left for process in running))
            for process in running:
                if process.stream in ready:
                    for event in process.read():
                        if not isinstance(event, Finished):
                            yield process, event
                elif not process.seconds_left:
                    yield process, process.timed_out()

    def close(self) -> None:
        """Stop the run. Ctrl-C takes effect only after the run has stopped.

        You can call this method at any time. Further calls do nothing.
        """
        with signals.held():
            self._stack.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


class EventSorter:
    """Sorts events from several processes into the order of the lesson's parts."""

    def __init__(self):
        self._parts: list[str] = []
        self._waiting: dict[str, list[Event]] = defaultdict(list)

    def put(self, event: Event) -> Iterator[Event]:
        """Add an event, and yield the events that are next in order."""
        if isinstance(event, Collected):
            self._parts = list(event.parts)
        if event.part:
            self._waiting[event.part].append(event)
        else:
            yield event
        while self._parts and (waiting := self._waiting[self._parts[0]]):
            event = waiting.pop(0)
            if isinstance(event, PartDone):
                self._parts.pop(0)
            else:
                yield event
