"""A task followed live, from PENDING to its end."""

import time
from dataclasses import dataclass
from html import escape

from celery import states
from celery.result import AsyncResult
from IPython.display import display

from workshop.errors import WorkshopError

from .workers import workers

LOOK_EVERY = 0.01
"""Seconds between two looks into the result backend."""
SILENCE = 3.0
"""Seconds of PENDING after which it is worth asking whether a worker is up at all."""


@dataclass(frozen=True)
class Moment:
    """What the result backend said first `seconds` after the look began: a state, and what came with it."""

    seconds: float
    state: str
    meta: object

    @property
    def done(self) -> tuple[int, int] | None:
        """How much of how much, where the task says so by `done` and `total`."""
        try:
            return int(self.meta["done"]), int(self.meta["total"])
        except (KeyError, TypeError, ValueError):
            return None


class History:
    """The moments so far. Shown in a notebook, it is a bar and a line for each state."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.moments: list[Moment] = []
        self.note = ""

    @property
    def states(self) -> list[str]:
        """Each state once, in the order in which they came; one that comes back is there again."""
        found: list[str] = []
        for moment in self.moments:
            if not found or found[-1] != moment.state:
                found.append(moment.state)
        return found

    def __repr__(self) -> str:
        lines = [
            f"{moment.seconds:6.2f} s  {moment.state:<9} {_said(moment)}".rstrip() for moment in self._shown()
        ]
        return "\n".join([f"task {self.task_id}", *lines, *filter(None, [self.note])])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{moment.seconds:.2f} s</td><td><b>{moment.state}</b></td>"
            f"<td>{escape(_said(moment))}</td></tr>"
            for moment in self._shown()
        )
        percent = self._percent()
        bar = f"<progress max='100' value='{percent}' aria-label='the task'></progress> {percent} %"
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<p>task <code>{self.task_id}</code> {bar}</p><table>{rows}</table>{note}"

    def _shown(self) -> list[Moment]:
        """The first and the last moment of each state: a task may report its progress hundreds of times."""
        last = len(self.moments) - 1
        return [
            moment
            for place, moment in enumerate(self.moments)
            if place in (0, last)
            or self.moments[place - 1].state != moment.state
            or self.moments[place + 1].state != moment.state
        ]

    def _percent(self) -> int:
        if not self.moments:
            return 0
        if self.moments[-1].state == states.SUCCESS:
            return 100
        done = self.moments[-1].done
        return round(100 * done[0] / max(1, done[1])) if done else 0


def follow(result: AsyncResult, seconds: float = 30) -> list[str]:
    """Show what the result backend says about a task, live, until the task has ended.

    seconds: give up then. The task goes on. Raises WorkshopError when nothing is heard of it and no worker is
    up. Returns the names of the states that were seen, in their order.
    """
    history = History(result.id)
    handle = display(history, display_id=True)
    began, asked = time.monotonic(), False
    while True:
        meta = result.backend.get_task_meta(result.id, cache=False)
        passed = time.monotonic() - began
        moment = Moment(passed, meta["status"], meta.get("result"))
        news = not history.moments or (moment.state, moment.meta) != (
            history.moments[-1].state,
            history.moments[-1].meta,
        )
        if news:
            history.moments.append(moment)
            if handle is not None:
                handle.update(history)
        if moment.state in states.READY_STATES:
            return history.states
        if moment.state == states.PENDING and passed > SILENCE and not asked:
            asked = True
            if not workers():
                raise WorkshopError(
                    f"Nothing is heard of task {result.id}, and no worker is up. It waits on the broker. "
                    "Start a worker in a terminal (./workshop up): it runs the task then."
                )
        if passed > seconds:
            history.note = f"Nothing new for {seconds:.0f} s: I stopped looking."
            if handle is not None:
                handle.update(history)
            return history.states
        time.sleep(LOOK_EVERY)


def _said(moment: Moment) -> str:
    if moment.meta is None:
        return ""
    if isinstance(moment.meta, BaseException):
        return f"{type(moment.meta).__name__}: {moment.meta}"
    text = str(moment.meta)
    return text if len(text) <= 100 else text[:99] + "…"
