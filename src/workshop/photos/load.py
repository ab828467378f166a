"""Send many uploads at once, and measure how they slow down a visitor who only opens a page."""

import statistics
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack

from workshop.console import say
from workshop.errors import WorkshopError
from workshop.photos.visitor import Answer, Visitor

MOST_AT_ONCE = 200


def main(address: str, count: int, content: Callable[[], bytes]) -> int:
    """Upload `count` photos at once, in separate requests, while another visitor opens pages.

    Prints the duration of each upload and of the pages. Returns 0 if the site accepted all photos, otherwise
    1.
    Raises WorkshopError if the site doesn't respond, or if `count` is not between 1 and MOST_AT_ONCE.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise WorkshopError(f"--upload takes a number of photos from 1 to {MOST_AT_ONCE}.")
    with ExitStack() as all_of_them:
        looking = all_of_them.enter_context(Visitor(address))
        looking.get()  # the first page is slow on any site
        idle = [looking.get()[0] for _ in range(20)]
        uploading = [all_of_them.enter_context(Visitor(address)) for _ in range(count)]
        for visitor in uploading:
            visitor.open_form()
        photo, done, pages = content(), threading.Event(), []
        size = f"{len(photo) / 1e6:.1f} MB"
        say(f"Uploading {_photos(count)} of {size} to {address}, all at once.")
        with ThreadPoolExecutor(count + 1) as threads:
            watching = threads.submit(_look_until, done, looking, pages)
            try:
                answers = list(_upload_each(threads, uploading, photo))
            finally:
                done.set()
        trouble = watching.exception()
    _print_summary(answers, idle, pages)
    if trouble:
        say(f"The other visitor could not open a page. {trouble}")
    return 0 if not trouble and all(answer.refusal is None for answer in answers) else 1


def _upload_each(threads: ThreadPoolExecutor, visitors: list[Visitor], content: bytes) -> Iterator[Answer]:
    running = [
        threads.submit(visitor.upload, f"photo-{number:02}.jpg", content)
        for number, visitor in enumerate(visitors, 1)
    ]
    for upload in as_completed(running):
        answer = upload.result()
        result = "taken" if answer.refusal is None else f"not taken: {answer.refusal}"
        say(f"  {answer.name}  {answer.seconds:6.2f} s  {result}")
        yield answer


def _look_until(done: threading.Event, visitor: Visitor, pages: list[float]) -> None:
    while not pages or not done.wait(0.02):
        pages.append(visitor.get()[0])


def _print_summary(answers: list[Answer], idle: list[float], pages: list[float]) -> None:
    uploads = [answer.seconds for answer in answers]
    lines = [f"Uploads:             median {statistics.median(uploads):.2f} s, slowest {max(uploads):.2f} s"]
    lines.append(f"A page before:       {_milliseconds(idle)}")
    if pages:
        lines.append(f"A page during:       {_milliseconds(pages)}")
        slower = statistics.median(pages) / statistics.median(idle)
        lines.append(f"The median page took {slower:.1f} times as long while photos were uploaded.")
    say("\n".join(lines))


def _milliseconds(pages: list[float]) -> str:
    median, slowest = statistics.median(pages) * 1000, max(pages) * 1000
    return f"median {median:.0f} ms, slowest {slowest:.0f} ms, {len(pages)} pages"


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"
