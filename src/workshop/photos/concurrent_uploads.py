"""Send many uploads at once, and measure how much they slow down a visitor who only opens pages."""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass

from workshop.console import say
from workshop.errors import WorkshopError
from workshop.photos.visitor import PATIENCE, Answer, Timing, Visitor
from workshop.system.waiting import until

MOST_AT_ONCE = 200
PAGES_AROUND = 20
"""The number of pages that the other visitor opens before the uploads, and again after the uploads."""
PAUSE = 0.02
"""How many seconds the other visitor waits before opening each page."""


@dataclass(frozen=True)
class Load:
    """Simultaneous uploads, and the pages that another visitor opened before, during and after them."""

    uploads: list[Answer]
    pages: list[Timing]

    @property
    def started(self) -> float:
        """The start time of the first upload, in seconds since 1970."""
        return min(upload.started for upload in self.uploads)

    @property
    def seconds(self) -> float:
        """The time from the start of the first upload to the last response, in seconds."""
        return max(upload.ended for upload in self.uploads) - self.started

    @property
    def pages_before(self) -> list[float]:
        """The response times, in seconds, of the pages opened before the first upload."""
        return [page.seconds for page in self.pages if page.ended < self.started]

    @property
    def pages_during(self) -> list[float]:
        """The response times, in seconds, of the pages opened during the uploads."""
        end = self.started + self.seconds
        return [page.seconds for page in self.pages if page.ended > self.started and page.started < end]

    def __repr__(self) -> str:
        return (
            f"{len(self.uploads)} uploads in {self.seconds:.2f} s; the other visitor opened "
            f"{len(self.pages_before)} pages before the uploads and {len(self.pages_during)} during them"
        )


@contextlib.contextmanager
def prepared_uploads(
    address: str, names: Sequence[str], content: bytes
) -> Iterator[list[Callable[[], Answer]]]:
    """Prepare an upload for each name. Each upload has its own visitor, who has already opened the form.

    Args:
        address: The site's address.
        names: The names of the files.
        content: The content of every file.

    Yields:
        The functions to pass to `send`, one for each upload.

    Raises:
        WorkshopError: The site doesn't respond, or it has no upload form.
    """
    with ExitStack() as stack:
        visitors = [stack.enter_context(Visitor(address)) for _ in names]
        yield [visitor.prepare(name, content) for name, visitor in zip(names, visitors, strict=True)]


def send(uploads: Sequence[Callable[[], Answer]], interval: float = 0.0) -> Iterator[Answer]:
    """Send prepared uploads, each in its own thread.

    Args:
        uploads: The functions that `prepared_uploads` yields.
        interval: The number of seconds from one upload to the next. If it is 0, all uploads start at once.

    Yields:
        The answers, in the order in which they arrive.
    """

    def send_later(number: int) -> Answer:
        time.sleep(number * interval)
        return uploads[number]()

    with ThreadPoolExecutor(len(uploads)) as threads:
        for answer in as_completed([threads.submit(send_later, number) for number in range(len(uploads))]):
            yield answer.result()


def upload_at_once(
    address: str,
    names: Sequence[str],
    content: bytes,
    on_answer: Callable[[Answer], object] = lambda answer: None,
) -> Load:
    """Send several uploads of the same photo at once while another visitor opens pages.

    Args:
        address: The site's address, such as "http://127.0.0.1:8000".
        names: A file name for each upload.
        content: The bytes of the photo.
        on_answer: A function that is called with each answer as soon as it arrives.

    Raises:
        WorkshopError: The site doesn't respond, or the other visitor could not open a page. A rejected photo
            doesn't raise an exception.
    """
    with (
        prepared_uploads(address, names, content) as uploads,
        Visitor(address) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        other.get()  # the first page is slow on any site
        pages: list[Timing] = []
        enough = threading.Event()
        watching = thread.submit(_open_pages, other, pages, enough)
        try:
            _wait_for_pages(pages, watching)
            answers = []
            for answer in send(uploads):
                on_answer(answer)
                answers.append(answer)
            _wait_for_pages(pages, watching)
        finally:  # also if Ctrl-C interrupts the uploads
            enough.set()
        watching.result()
    return Load(answers, pages)


def _open_pages(visitor: Visitor, pages: list[Timing], enough: threading.Event) -> None:
    while not enough.wait(PAUSE):
        started = time.time()
        try:
            seconds, _ = visitor.get()
        except WorkshopError as error:
            raise WorkshopError(f"The other visitor could not open a page. {error}") from None
        pages.append(Timing(started, seconds))


def _wait_for_pages(pages: list[Timing], watching: Future) -> None:
    wanted = len(pages) + PAGES_AROUND
    until(lambda: len(pages) >= wanted or watching.done(), PATIENCE)


def main(address: str, count: int, content: bytes) -> int:
    """Upload `count` photos at once. Print the response times of the uploads and of another visitor's pages.

    Returns:
        The exit code: 0 if the site accepted all photos, otherwise 1.

    Raises:
        WorkshopError: The site doesn't respond, or `count` is not between 1 and MOST_AT_ONCE.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise WorkshopError(f"--upload requires a number of photos from 1 to {MOST_AT_ONCE}.")
    photos = "1 photo" if count == 1 else f"{count} photos"
    say(f"Uploading {photos} of {len(content) / 1e6:.1f} MB to {address}, all at once.")
    names = [f"photo-{number:02}.jpg" for number in range(1, count + 1)]
    load = upload_at_once(address, names, content, _print_answer)
    seconds = [upload.seconds for upload in load.uploads]
    say(f"Uploads:                   median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s")
    say(f"Pages before the uploads:  {_milliseconds(load.pages_before)}")
    if load.pages_during:
        say(f"Pages during the uploads:  {_milliseconds(load.pages_during)}")
        slower = statistics.median(load.pages_during) / statistics.median(load.pages_before)
        say(f"The median page took {slower:.1f} times as long during the uploads.")
    return 1 if any(upload.refusal for upload in load.uploads) else 0


def _print_answer(answer: Answer) -> None:
    result = "uploaded" if answer.refusal is None else f"failed: {answer.refusal}"
    say(f"  {answer.name}  {answer.seconds:6.2f} s  {result}")


def _milliseconds(pages: list[float]) -> str:
    median, slowest = statistics.median(pages) * 1000, max(pages) * 1000
    count = "1 page" if len(pages) == 1 else f"{len(pages)} pages"
    return f"median {median:.0f} ms, slowest {slowest:.0f} ms, {count}"
