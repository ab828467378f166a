"""Show the state of a task or photo live until the task or the resize has finished."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby

from celery import states
from celery.result import AsyncResult
from IPython.display import display

from workshop.errors import WorkshopError
from workshop.system.waiting import until

from .workers import workers

LOOK_EVERY = 0.01
"""The number of seconds between two queries of the state."""
FINAL_PHOTO_STATES = ("resized", "failed")
STATES_WITHOUT_WORKER = (states.PENDING, "waiting", "unqueued")
"""The states that a task or photo can have before a worker has reported anything."""
SILENCE = 3.0
"""If no worker has reported anything after this many seconds, check whether a worker is running."""


@dataclass(frozen=True)
class Moment:
    """A state with its metadata, first seen `seconds` seconds after the start."""

    seconds: float
    state: str
    meta: object

    @property
    def progress(self) -> tuple[int, int] | None:
        """The values of `done` and `total` in the metadata, or None if the metadata doesn't contain them."""
        try:
            return int(self.meta["done"]), int(self.meta["total"])
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def details(self) -> str:
        """The metadata as text, up to 100 characters long. An exception is shown in full, with its type."""
        if self.meta is None:
            return ""
        if isinstance(self.meta, BaseException):
            return f"{type(self.meta).__name__}: {self.meta}"
        text = str(self.meta)
        return text if len(text) <= 100 else text[:99] + "…"

    def same_as(self, other: "Moment") -> bool:
        """Return True if both moments have the same state and metadata. Exceptions are compared as text."""
        # Each query returns a new exception object.
        return (self.state, repr(self.meta)) == (other.state, repr(other.meta))


class History:
    """All moments so far.

    A notebook displays a progress bar and a table with the first and the last moment of each state.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.moments: list[Moment] = []
        self.note = ""

    @property
    def states(self) -> list[str]:
        """The states in chronological order. A state that recurs later is listed again."""
        return [state for state, _ in self._grouped()]

    def __repr__(self) -> str:
        lines = [
            f"{moment.seconds:6.2f} s  {moment.state:<9} {moment.details}".rstrip()
            for moment in self._shown()
        ]
        return "\n".join([self.title, *lines, *filter(None, [self.note])])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{moment.seconds:.2f} s</td><td><b>{moment.state}</b></td>"
            f"<td>{escape(moment.details)}</td></tr>"
            for moment in self._shown()
        )
        percent = self._percent()
        title = escape(self.title)
        bar = f"<progress max='100' value='{percent}' aria-label='{title}'></progress> {percent} %"
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<p>{title} {bar}</p><table>{rows}</table>{note}"

    def _grouped(self) -> Iterator[tuple[str, list[Moment]]]:
        for state, moments in groupby(self.moments, key=lambda moment: moment.state):
            yield state, list(moments)

    def _shown(self) -> Iterator[Moment]:
        """Yield only the first and last moment of each state. A task may report its progress very often."""
        for _, moments in self._grouped():
            yield moments[0]
            if len(moments) > 1:
                yield moments[-1]

    def _percent(self) -> int:
        if not self.moments:
            return 0
        if self.moments[-1].state in (states.SUCCESS, "resized"):
            return 100
        done, total = self.moments[-1].progress or (0, 1)
        return round(100 * done / max(1, total))


def follow(
    result: AsyncResult, seconds: float = 30, at_state: Callable[[str], object] | None = None
) -> list[str]:
    """Show a task's state live until the task has finished, and return the names of the states in order.

    Args:
        result: The task's AsyncResult.
        seconds: The number of seconds after which to stop showing the state. The task itself continues.
        at_state: A function that is called with each new state.

    Raises:
        WorkshopError: The task is still pending, and no worker is running.
    """

    def look() -> tuple[str, object]:
        meta = result.backend.get_task_meta(result.id, cache=False)
        return meta["status"], meta.get("result")

    no_worker = (
        f"Task {result.id} is still pending, but no worker is running. To run the task, start "
        "a worker in a terminal: ./workshop up"
    )
    return _follow(f"task {result.id}", look, states.READY_STATES, no_worker, seconds, at_state)


def follow_photo(photo, seconds: float = 30) -> list[str]:
    """Show a photo's state live until the photo has been resized or has failed. Return the states in order.

    Args:
        photo: The photo's row. The function reloads the row from the database.
        seconds: The number of seconds after which to stop showing the state.

    Raises:
        WorkshopError: The photo is still waiting, and no worker is running.
    """

    def look() -> tuple[str, object]:
        photo.refresh_from_db()
        return photo.state, _details_of_row(photo)

    no_worker = (
        f"Photo {photo.pk} is waiting, but no worker is running. To resize the photo, start a "
        "worker in a terminal: ./workshop up"
    )
    return _follow(f"photo {photo.pk}", look, FINAL_PHOTO_STATES, no_worker, seconds)


def _follow(
    title: str,
    look: Callable[[], tuple[str, object]],
    final: Collection[str],
    no_worker: str,
    seconds: float,
    at_state: Callable[[str], object] | None = None,
) -> list[str]:
    """Show the state and the metadata that `look()` returns, until the state is one of `final`.

    Raises:
        WorkshopError: No worker has reported anything, and no worker is running. The message is `no_worker`.
    """
    history = History(title)
    handle = display(history, display_id=True)
    start = time.monotonic()

    def show() -> None:
        if handle is not None:
            handle.update(history)

    def finished() -> bool:
        state, meta = look()
        moment = Moment(time.monotonic() - start, state, meta)
        before = history.moments[-1] if history.moments else None
        if before is None or not moment.same_as(before):
            history.moments.append(moment)
            show()
            if at_state is not None and (before is None or before.state != state):
                at_state(state)
        return state in final

    if until(finished, min(seconds, SILENCE), LOOK_EVERY):
        return history.states
    if seconds > SILENCE:
        if history.states[-1] in STATES_WITHOUT_WORKER and not workers():
            raise WorkshopError(no_worker)
        if until(finished, seconds - SILENCE, LOOK_EVERY):
            return history.states
    history.note = f"Stopped following after {seconds:.0f} s."
    show()
    return history.states


def _details_of_row(photo) -> str:
    if photo.failure_reason:
        return photo.failure_reason
    details = [f"in {photo.resize_seconds:.2f} s"] if photo.is_processed else []
    if sent_again := getattr(photo, "sent_again", 0):  # lesson 05 adds this column
        details.append(f"re-sent {sent_again} {'time' if sent_again == 1 else 'times'}")
    return ", ".join(details)
