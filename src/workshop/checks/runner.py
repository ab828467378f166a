"""Run a lesson's checks on a project. Several lanes share the work, and the events are in order."""

import contextlib
import select
import tempfile
from collections import defaultdict
from collections.abc import Iterator

from workshop.checks.events import (
    Began,
    Broken,
    Checked,
    Collected,
    Event,
    Finished,
    PartDone,
    WorkerReady,
)
from workshop.checks.lane import Lane
from workshop.course.project import Project
from workshop.runtime.forked_process import ForkServer
from workshop.system import signals

LANES = 3
"""The number of lanes. Checks mostly wait, so use one more than two cores."""


class Run:
    """A run loads libraries and starts a broker at once. It reads the project only in `events()`.

    first: the step to check first. forks: the fork server to use (default: a new one).
    Use the run as a context manager, or call `close()`, to stop all processes and remove all files.
    """

    def __init__(
        self,
        project: Project,
        step: str | None = None,
        everything: bool = False,
        first: str | None = None,
        forks: ForkServer | None = None,
    ):
        self._project, self._step, self._everything, self._first = project, step, everything, first
        self._stack = contextlib.ExitStack()
        try:
            with signals.held():
                celery = project.lesson.has_broker
                self._forks = forks or self._stack.enter_context(ForkServer(celery=celery))
                claims = tempfile.TemporaryDirectory(prefix="workshop-claims-")
                self._claims = self._stack.enter_context(claims)
                self._lanes = [self._lane(worker=celery and not step)]
        except BaseException:
            self.close()
            raise

    def _lane(self, worker: bool, long: bool = False) -> Lane:
        """Create a lane.

        worker: start the worker before it is known whether the checks need one. long: claim the longest steps
        first.
        The first lane follows the order of the lesson, so that the first steps are reported early.
        """
        options = {
            "WORKSHOP_ALL": "1" if self._everything else "",
            "WORKSHOP_FIRST": self._first or "",
            "WORKSHOP_WORKER": "1" if worker else "",
            "WORKSHOP_CLAIMS": self._claims,
            "WORKSHOP_LONG": "1" if long else "",
        }
        with signals.held():
            lane = Lane(self._project, self._forks, self._step, options)
            self._stack.callback(lane.close)
        return lane

    def events(self) -> Iterator[Event]:
        """Run the checks, and yield their events as `workshop.checks.plugin` sends them.

        The events are in the order of the checks, as if one lane ran them all. They stop at the first
        failure, unless everything is to be checked. A failed check of an optional step doesn't stop them. The
        last event is Finished, or Broken if a lane exited early.
        """
        sequence = Sequence()
        self._lanes[0].start()
        signal = PartDone if self._first else Began  # let the step that the learner is working on run alone
        for lane, event in self._merged():
            if lane is not self._lanes[0] and isinstance(event, (Collected, WorkerReady)):
                continue  # the first lane reports this for all lanes
            if isinstance(event, signal):
                self._start_others()
            for each in sequence.put(event):
                yield each
                if isinstance(each, Broken):
                    return
                if isinstance(each, Checked) and not each.passed and self._ends_with(each.step):
                    yield Finished()
                    return
        yield Finished()

    def _ends_with(self, step: str) -> bool:
        """Return True if a failure of `step` stops the run."""
        optional = [each.id for each in self._project.lesson.steps if each.optional]
        return not self._everything and (step == self._step or step not in optional)

    def _start_others(self) -> None:
        """Start the other lanes. The first one has already loaded the project, so they don't slow it down."""
        while not self._step and len(self._lanes) < LANES:
            self._lanes.append(self._lane(worker=self._project.lesson.has_broker, long=True))
            self._lanes[-1].start()

    def _merged(self) -> Iterator[tuple[Lane, Event]]:
        """Yield the events of all lanes as they arrive, until all lanes are done."""
        while running := [lane for lane in self._lanes if not lane.over]:
            patience = min(lane.patience for lane in running)
            ready, _, _ = select.select([lane.stream for lane in running], [], [], patience)
            for lane in running:
                if lane.stream in ready:
                    for event in lane.take():
                        if not isinstance(event, Finished):
                            yield lane, event
                elif not lane.patience:
                    yield lane, lane.silent()

    def close(self) -> None:
        """Stop the run, whatever it is doing. Delays Ctrl-C. Does nothing if the run is already stopped."""
        with signals.held():
            self._stack.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


class Sequence:
    """Sorts the events of several lanes by the order of the lesson's parts."""

    def __init__(self):
        self._parts: list[str] = []
        self._kept: dict[str, list[Event]] = defaultdict(list)

    def put(self, event: Event) -> Iterator[Event]:
        """Add an event, and yield the events that are next in order."""
        if isinstance(event, Collected):
            self._parts = list(event.parts)
        if event.part:
            self._kept[event.part].append(event)
        else:
            yield event
        while self._parts and (kept := self._kept[self._parts[0]]):
            event = kept.pop(0)
            if isinstance(event, PartDone):
                self._parts.pop(0)
            else:
                yield event
