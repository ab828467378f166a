"""Follow a task or a photo's row live until it is finished."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from html import escape

from celery import states
from celery.result import AsyncResult
from IPython.display import display

from workshop.errors import WorkshopError

from .workers import workers

LOOK_EVERY = 0.01
"""Seconds between two queries."""
ENDS = ("resized", "failed")
"""A photo's final states."""
UNHEARD = (states.PENDING, "waiting", "unqueued")
"""States before a worker has reported anything."""
SILENCE = 3.0
"""Seconds in such a state after which the code checks whether a worker is running."""


@dataclass(frozen=True)
class Moment:
    """A state and its metadata, first seen `seconds` after the start."""

    seconds: float
    state: str
    meta: object

    @property
    def done(self) -> tuple[int, int] | None:
        """The task's progress from `done` and `total`, or None."""
        try:
            return int(self.meta["done"]), int(self.meta["total"])
        except (KeyError, TypeError, ValueError):
            return None

    def says_the_same(self, other: "Moment") -> bool:
        """Compare the text of exceptions, because each query returns a new object."""
        return (self.state, repr(self.meta)) == (other.state, repr(other.meta))


class History:
    """The moments so far. A notebook shows a progress bar, and a line for each state."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.moments: list[Moment] = []
        self.note = ""

    @property
    def states(self) -> list[str]:
        """The states in order. A state that comes back is listed again."""
        found: list[str] = []
        for moment in self.moments:
            if not found or found[-1] != moment.state:
                found.append(moment.state)
        return found

    def __repr__(self) -> str:
        lines = [
            f"{moment.seconds:6.2f} s  {moment.state:<9} {_said(moment)}".rstrip() for moment in self._shown()
        ]
        return "\n".join([self.title, *lines, *filter(None, [self.note])])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{moment.seconds:.2f} s</td><td><b>{moment.state}</b></td>"
            f"<td>{escape(_said(moment))}</td></tr>"
            for moment in self._shown()
        )
        percent = self._percent()
        title = escape(self.title)
        bar = f"<progress max='100' value='{percent}' aria-label='{title}'></progress> {percent} %"
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<p>{title} {bar}</p><table>{rows}</table>{note}"

    def _shown(self) -> list[Moment]:
        """Return the first and last moment of each state. A task may report its progress very often."""
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
        if self.moments[-1].state in (states.SUCCESS, ENDS[0]):
            return 100
        done = self.moments[-1].done
        return round(100 * done[0] / max(1, done[1])) if done else 0


def follow(
    result: AsyncResult, seconds: float = 30, at_state: Callable[[str], object] | None = None
) -> list[str]:
    """Show a task's state live until the task has finished, and return the names of the states in order.

    seconds: the time after which to stop following. The task itself continues.
    at_state: called with each new state.
    Raises WorkshopError if there is no news and no worker is running.
    """

    def look() -> tuple[str, object]:
        meta = result.backend.get_task_meta(result.id, cache=False)
        return meta["status"], meta.get("result")

    alone = (
        f"There is no news of task {result.id}, and no worker is running. To run the task, start "
        f"a worker in a terminal: ./workshop up"
    )
    return _watch(f"task {result.id}", look, states.READY_STATES, alone, seconds, at_state)


def follow_photo(photo, seconds: float = 30) -> list[str]:
    """Show a photo's state live until it is resized or has failed, and return the states in order.

    seconds: the time after which to stop following. Reloads `photo` from the database.
    Raises WorkshopError if nothing happens and no worker is running.
    """

    def look() -> tuple[str, object]:
        photo.refresh_from_db()
        return photo.state, _row_says(photo)

    alone = (
        f"Photo {photo.pk} is waiting, but no worker is running. To resize the photo, start a "
        f"worker in a terminal: ./workshop up"
    )
    return _watch(f"photo {photo.pk}", look, ENDS, alone, seconds)


def _watch(
    title: str,
    look: Callable[[], tuple[str, object]],
    ends: Collection[str],
    alone: str,
    seconds: float,
    at_state: Callable[[str], object] | None = None,
) -> list[str]:
    """Show what `look()` returns, a state and its metadata, until the state is one of `ends`.

    alone: the error message if nothing happens and no worker is running.
    """
    history = History(title)
    handle = display(history, display_id=True)
    began, asked = time.monotonic(), False
    while True:
        state, meta = look()
        moment = Moment(time.monotonic() - began, state, meta)
        before = history.moments[-1] if history.moments else None
        if before is None or not moment.says_the_same(before):
            history.moments.append(moment)
            if handle is not None:
                handle.update(history)
            if at_state is not None and (before is None or before.state != state):
                at_state(state)
        if state in ends:
            return history.states
        if state in UNHEARD and moment.seconds > SILENCE and not asked:
            asked = True
            if not workers():
                raise WorkshopError(alone)
        if moment.seconds > seconds:
            history.note = f"Stopped following after {seconds:.0f} s without news."
            if handle is not None:
                handle.update(history)
            return history.states
        time.sleep(LOOK_EVERY)


def _row_says(photo) -> str:
    if photo.failure_reason:
        return photo.failure_reason
    sent_again = getattr(photo, "sent_again", 0)  # a column since lesson 05
    said = [f"in {photo.resize_seconds:.2f} s"] if photo.is_processed else []
    said += [f"re-sent {sent_again} {'time' if sent_again == 1 else 'times'}"] if sent_again else []
    return ", ".join(said)


def _said(moment: Moment) -> str:
    if moment.meta is None:
        return ""
    if isinstance(moment.meta, BaseException):
        return f"{type(moment.meta).__name__}: {moment.meta}"
    text = str(moment.meta)
    return text if len(text) <= 100 else text[:99] + "…"
