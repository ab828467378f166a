"""Send many uploads at once, and measure how another visitor's pages are affected."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from workshop.errors import WorkshopError
from workshop.photos.visitor import Visitor

from .project import OWN

PAUSE = 0.02
"""Seconds between two page views of the other visitor."""


@dataclass(frozen=True)
class Request:
    """A request: its duration, and its start relative to the first upload, both in seconds."""

    began: float
    seconds: float

    @property
    def ended(self) -> float:
        return self.began + self.seconds


@dataclass(frozen=True)
class Rush:
    """The requests of a rush.

    `pages` are the other visitor's requests before, during and after the uploads.
    """

    uploads: list[Request]
    pages: list[Request]

    @property
    def seconds(self) -> float:
        """Seconds from the start of the first upload to the last response."""
        return max(upload.ended for upload in self.uploads)

    @property
    def quiet(self) -> list[float]:
        """The durations of page requests before the first upload, in seconds."""
        return [page.seconds for page in self.pages if page.ended < 0]

    @property
    def meanwhile(self) -> list[float]:
        """The durations of page requests during the uploads, in seconds."""
        return [page.seconds for page in self.pages if page.ended > 0 and page.began < self.seconds]

    def __repr__(self) -> str:
        return (
            f"{len(self.uploads)} uploads in {self.seconds:.2f} s; the other visitor opened "
            f"{len(self.quiet)} pages before the uploads and {len(self.meanwhile)} during them"
        )


def rush(address: str, content: bytes, count: int = 10, around: float = 0.5) -> Rush:
    """Upload `content` `count` times at once to the site at `address`, while another visitor opens pages.

    around: seconds without uploads before and after. Raises WorkshopError if the site rejects a photo.
    """
    with ExitStack() as stack:
        looking = stack.enter_context(Visitor(address))
        looking.get("/upload/")  # the first page is slow on any site
        visitors = [stack.enter_context(Visitor(address)) for _ in range(count)]
        for visitor in visitors:
            visitor.open_form()
        threads = stack.enter_context(ThreadPoolExecutor(count + 1))
        done, seen = threading.Event(), []
        stack.callback(done.set)  # before waiting for the threads, also if the cell is interrupted
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
