"""One run of a lesson's checks on a project: several lanes share the work, and report in one order."""

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
"""How many lanes check a lesson. The checks wait more than they compute: one more than two cores."""


class Run:
    """Made ready at once: a process loads libraries, a broker starts. `events` lets it read the project.

    first: the step whose checks come before the others'. forks: the server whose processes it takes;
    without it the run has its own.

    Use it as a context manager, or call `close()`: then nothing of it stays behind, no process, port or file.
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
        """worker: whether its worker is to start before anything is known about its checks.

        long: whether it takes the steps first that take longest. The first lane keeps to the order of the
        lesson, so that a learner soon reads about the first steps.
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
        """Run the checks and yield their events, as `workshop.checks.plugin` sends them, while they happen.

        They come in the order of the checks, as if one lane ran them all, and end with the first that fails
        unless everything is to be checked. A failed check of an optional step does not end them.
        The last event is Finished, or Broken if a lane exited before its end.
        """
        sequence = Sequence()
        self._lanes[0].start()
        signal = PartDone if self._first else Began  # no other lane slows down the step that is worked on
        for lane, event in self._merged():
            if lane is not self._lanes[0] and isinstance(event, (Collected, WorkerReady)):
                continue  # the first one says it for all
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
        """Whether the run ends when `step` fails."""
        optional = [each.id for each in self._project.lesson.steps if each.optional]
        return not self._everything and (step == self._step or step not in optional)

    def _start_others(self) -> None:
        """Start the other lanes: the first one has loaded the project by now, so its verdict is not late."""
        while not self._step and len(self._lanes) < LANES:
            self._lanes.append(self._lane(worker=self._project.lesson.has_broker, long=True))
            self._lanes[-1].start()

    def _merged(self) -> Iterator[tuple[Lane, Event]]:
        """The events of all lanes, as they come, until all are over."""
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
        """End it, wherever it is; a Ctrl-C waits for that. Calling it again does nothing."""
        with signals.held():
            self._stack.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()


class Sequence:
    """The events of several lanes, in the order of the parts of the lesson that they are about."""

    def __init__(self):
        self._parts: list[str] = []
        self._kept: dict[str, list[Event]] = defaultdict(list)

    def put(self, event: Event) -> Iterator[Event]:
        """Take in one event, and yield those whose turn has come."""
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
