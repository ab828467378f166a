"""Upload a folder of pictures to the finished site, one by one, and count the outcomes."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from workshop.console import say
from workshop.demo.photos import Photo, UploadTracker
from workshop.errors import WorkshopError
from workshop.photos.samples import Sample
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import Site, newest, running

MOST_MEGABYTES = 800
"""The memory limit for a worker's child process."""
MOST_SECONDS = 5.0
"""The time limit for the response to an upload of up to LARGE bytes, in seconds."""
LARGE = 20 * 1024 * 1024
PATIENCE = 120.0
"""Seconds without any change after which a photo counts as stuck. The time limit of a resize is 45."""
SECONDS_BETWEEN = 0.2
ASKED_AT_ONCE = 100
"""The maximum number of photos in a request for states."""
WORKERS = ("worker", "slow")


@dataclass(frozen=True)
class Figure:
    """A number and its goal, the largest acceptable value; None means any value."""

    what: str
    found: float
    most: float | None = None
    unit: str = ""

    @property
    def is_good(self) -> bool:
        return self.most is None or self.found <= self.most

    def __str__(self) -> str:
        goal = "" if self.most is None else f"   (goal: at most {self.most:g}{self.unit})"
        missed = "" if self.is_good else "  MISSED"
        number = f"{self.found:.1f}" if isinstance(self.found, float) else str(self.found)
        return f"{number + self.unit:>9}  {self.what}{goal}{missed}"


@dataclass
class Upload(Photo):
    """An uploaded file. size: the number of bytes. The content is not kept after the upload."""

    size: int = 0


def main(folders: list[Path], show_all: bool = False) -> int:
    """Upload all files in `folders` and their subfolders, and print the figures.

    Returns 1 if a goal is missed.

    show_all: also print a line for each file that was not resized.
    Raises WorkshopError if there is no file or the site does not start.
    """
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    if not files:
        raise WorkshopError(
            f"There is no file in {', '.join(map(str, folders))}. Name a folder with pictures."
        )
    say(f"{len(files)} files, each uploaded in its own form. This takes a few minutes.")
    with running(newest()) as site, peak_memory(site) as memory:
        photos = [Upload(Sample(file.name, "", file.read_bytes)) for file in files]
        upload(photos, site)
        tracebacks = site.log.read_text(encoding="utf-8", errors="replace").splitlines()
    tracebacks = [line for line in tracebacks if _is_traceback(line)]
    found = figures(photos, memory, tracebacks)
    for figure in found:
        say(str(figure))
    for (state, why), count in Counter((photo.state, _reason(photo)) for photo in photos).most_common():
        if why:
            say(f"{count:>9}  {state}: {why}")
    for photo in photos if show_all else ():
        if photo.state != "resized":
            say(f"  {photo.name}: {photo.state}, {_reason(photo)}")
    return 0 if all(figure.is_good for figure in found) else 1


def upload(photos: list[Upload], site: Site) -> None:
    """Send the photos one after another, then follow them until all are done or nothing changes."""
    with Visitor(site.address) as visitor:
        tracker = UploadTracker(visitor)
        for photo in photos:
            photo.content = photo.sample.content()
            tracker.send(photo)
            photo.size, photo.content = len(photo.content), b""
        waited = 0.0
        while (pending := [photo for photo in photos if not photo.is_done]) and waited < PATIENCE:
            for first in range(0, len(pending), ASKED_AT_ONCE):
                tracker.update(pending[first : first + ASKED_AT_ONCE])
            if any(photo.is_done for photo in pending):
                waited = 0.0
            elif not site.stays(SECONDS_BETWEEN):
                raise WorkshopError("The site has stopped. Its last lines:\n" + "\n".join(site.last_lines()))
            else:
                waited += SECONDS_BETWEEN


def figures(photos: list[Upload], memory: dict[int, int], tracebacks: list[str]) -> list[Figure]:
    """Return the figures.

    memory: the peak memory of the workers' children in bytes, by process id.
    tracebacks: the lines of the workers' log where a traceback starts.
    """
    states = Counter(photo.state for photo in photos)
    statuses = [photo.http_status for photo in photos]
    said = [photo for photo in photos if _reason(photo)]
    refused = [photo for photo in said if photo.state == "refused" and photo.http_status == 200]
    failed = [photo for photo in said if photo.state == "failed"]
    seconds = [photo.request_seconds for photo in photos if photo.size <= LARGE]
    errors = sum(status is None or status >= 500 for status in statuses)
    silent = states["refused"] + states["failed"] - len(refused) - len(failed) - errors
    done = states["resized"] + states["refused"] + states["failed"]
    return [
        Figure("tried", len(photos)),
        Figure("resized", states["resized"]),
        Figure("refused with a message", len(refused)),
        Figure("failed with a reason", len(failed)),
        Figure("refused or failed without a message", silent, 0),
        Figure("stuck", len(photos) - done, 0),
        Figure("HTTP 500, or no response", errors, 0),
        Figure("tracebacks in the workers' log", len(tracebacks), 0),
        Figure("largest child of a worker", max(memory.values(), default=0) // 10**6, MOST_MEGABYTES, " MB"),
        Figure("slowest upload of up to 20 MB", max(seconds, default=0.0), MOST_SECONDS, " s"),
    ]


def _reason(photo: Upload) -> str:
    """Return the message for the visitor, without the file's name."""
    return photo.why.removeprefix(f"{photo.name}:").strip()


def _is_traceback(line: str) -> bool:
    """Return True if a traceback starts at this line of the log, such as `12:00:00 worker | text`."""
    start, _, text = line.partition("|")
    return start.split()[-1:] in ([name] for name in WORKERS) and "Traceback (most recent call last)" in text


@contextmanager
def peak_memory(site: Site) -> Iterator[dict[int, int]]:
    """During the block, measure the peak memory of the workers' children. Yields bytes by process id."""
    found: dict[int, int] = {}
    ended = threading.Event()
    workers = [psutil.Process(site.pid(name)) for name in WORKERS]

    def look() -> None:
        while not ended.wait(0.02):
            for worker in workers:
                with suppress(psutil.Error):
                    for child in worker.children(recursive=True):
                        with suppress(psutil.Error, OSError):
                            found[child.pid] = max(found.get(child.pid, 0), _peak(child))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _peak(process: psutil.Process) -> int:
    """Return the process's peak memory. Outside of Linux, return its current memory."""
    with suppress(FileNotFoundError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return process.memory_info().rss
