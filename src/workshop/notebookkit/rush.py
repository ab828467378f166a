"""Many uploads at once, and what somebody sees meanwhile who only looks at a page."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from workshop.errors import WorkshopError
from workshop.photos.visitor import Visitor

from .project import OWN

PAUSE = 0.02
"""Seconds that the other visitor waits between two pages."""


@dataclass(frozen=True)
class Request:
    """One request: how long it took, and when it began: negative before the first upload."""

    began: float
    seconds: float

    @property
    def ended(self) -> float:
        return self.began + self.seconds


@dataclass(frozen=True)
class Rush:
    """The requests of a rush. `pages` are those of the visitor who only looks, also before and behind it."""

    uploads: list[Request]
    pages: list[Request]

    @property
    def seconds(self) -> float:
        """From the first upload's begin to the last one's answer."""
        return max(upload.ended for upload in self.uploads)

    @property
    def quiet(self) -> list[float]:
        """The seconds that a page took before the first upload."""
        return [page.seconds for page in self.pages if page.ended < 0]

    @property
    def meanwhile(self) -> list[float]:
        """The seconds that a page took while photos were uploaded."""
        return [page.seconds for page in self.pages if page.ended > 0 and page.began < self.seconds]

    def __repr__(self) -> str:
        return (
            f"{len(self.uploads)} uploads in {self.seconds:.2f} s; the other visitor opened "
            f"{len(self.quiet)} pages before the uploads and {len(self.meanwhile)} during them"
        )


def rush(address: str, content: bytes, count: int = 10, around: float = 0.5) -> Rush:
    """Upload `content` `count` times at once to the site at `address`, while somebody looks at its pages.

    around: seconds of quiet before and behind. Raises WorkshopError when the site does not take a photo.
    """
    with ExitStack() as stack:
        looking = stack.enter_context(Visitor(address))
        looking.get("/upload/")  # the first page is slow on any site
        visitors = [stack.enter_context(Visitor(address)) for _ in range(count)]
        for visitor in visitors:
            visitor.open_form()
        threads = stack.enter_context(ThreadPoolExecutor(count + 1))
        done, seen = threading.Event(), []
        stack.callback(done.set)  # before the threads are waited for, also when the cell is interrupted
        watching = threads.submit(_look_until, done, looking, seen)
        time.sleep(around)
        start = time.perf_counter()
        waiting = [threads.submit(_upload, visitor, content) for visitor in visitors]
        sent = [upload.result() for upload in waiting]
        time.sleep(around)
        done.set()
        watching.result()
    return Rush(*([Request(began - start, seconds) for began, seconds in each] for each in (sent, seen)))


def _upload(visitor: Visitor, content: bytes) -> tuple[float, float]:
    began = time.perf_counter()
    answer = visitor.upload(f"{OWN}-rush.jpg", content)
    if answer.refusal:
        raise WorkshopError(f"The site rejected a photo: {answer.refusal}")
    return began, answer.seconds


def _look_until(done: threading.Event, visitor: Visitor, seen: list[tuple[float, float]]) -> None:
    while not done.wait(PAUSE):
        began = time.perf_counter()
        seen.append((began, visitor.get("/upload/")[0]))
