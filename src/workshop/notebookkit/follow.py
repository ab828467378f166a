"""A task, or a photo's row, followed live to its end."""

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
"""Seconds between two looks into the result backend."""
ENDS = ("resized", "failed")
"""States of a photo after which a worker does nothing more."""
UNHEARD = (states.PENDING, "waiting", "unqueued")
"""States in which no worker has said anything yet."""
SILENCE = 3.0
"""Seconds of that after which it is worth asking whether a worker is up at all."""


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

    def says_the_same(self, other: "Moment") -> bool:
        """An exception is another object at each look: its words are compared."""
        return (self.state, repr(self.meta)) == (other.state, repr(other.meta))


class History:
    """The moments so far. Shown in a notebook, it is a bar and a line for each state."""

    def __init__(self, title: str) -> None:
        self.title = title
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
        if self.moments[-1].state in (states.SUCCESS, ENDS[0]):
            return 100
        done = self.moments[-1].done
        return round(100 * done[0] / max(1, done[1])) if done else 0


def follow(
    result: AsyncResult, seconds: float = 30, at_state: Callable[[str], object] | None = None
) -> list[str]:
    """Show what the result backend says about a task, live, until the task has ended.

    seconds: give up then. The task goes on. at_state: called with each state when it comes.
    Raises WorkshopError when nothing is heard of it and no worker is up. Returns the names of the states that
    were seen, in their order.
    """

    def look() -> tuple[str, object]:
        meta = result.backend.get_task_meta(result.id, cache=False)
        return meta["status"], meta.get("result")

    alone = (
        f"Nothing is heard of task {result.id}, and no worker is up. It waits on the broker. "
        "Start a worker in a terminal (./workshop up): it runs the task then."
    )
    return _watch(f"task {result.id}", look, states.READY_STATES, alone, seconds, at_state)


def follow_photo(photo, seconds: float = 30) -> list[str]:
    """Show what the row of a photo says about its resize, live, until it is resized or has failed.

    seconds: give up then. Raises WorkshopError when nothing happens and no worker is up. Returns the states
    that were seen, in their order. `photo` is up to date afterwards.
    """

    def look() -> tuple[str, object]:
        photo.refresh_from_db()
        return photo.state, _row_says(photo)

    alone = (
        f"Photo {photo.pk} waits, and no worker is up. "
        "Start a worker in a terminal (./workshop up): it resizes the photo then."
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
    """Show what `look` sees, a state and what came with it, until it is one of `ends`.

    alone: what to say when nothing happens and no worker is up.
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
            history.note = f"Nothing new for {seconds:.0f} s: I stopped looking."
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
