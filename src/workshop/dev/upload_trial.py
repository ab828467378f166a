"""Upload the pictures in a folder to the finished site, one by one, and count the outcomes."""

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
from workshop.system.waiting import until

MOST_MEGABYTES = 800
"""The memory limit for a worker's child process, in megabytes."""
MOST_SECONDS = 5.0
"""The time limit for the response to an upload of up to LARGE bytes, in seconds."""
LARGE = 20 * 1024 * 1024
PATIENCE = 120.0
"""If nothing changes for this many seconds, the remaining photos count as stuck.

A resize may take 45 seconds.
"""
SECONDS_BETWEEN = 0.2
ASKED_AT_ONCE = 100
"""The maximum number of photos in a single request for the photos' states."""
WORKERS = ("worker", "slow")


@dataclass(frozen=True)
class Figure:
    """A measured value and its target.

    Attributes:
        limit: The target, which is the largest acceptable value, or None if any value is acceptable.
    """

    what: str
    value: float
    limit: float | None = None
    unit: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the value meets its target."""
        return self.limit is None or self.value <= self.limit

    def __str__(self) -> str:
        goal = "" if self.limit is None else f"   (goal: at most {self.limit:g}{self.unit})"
        missed = "" if self.is_good else "  MISSED"
        number = f"{self.value:.1f}" if isinstance(self.value, float) else str(self.value)
        return f"{number + self.unit:>9}  {self.what}{goal}{missed}"


@dataclass
class Upload(Photo):
    """An uploaded file. The file's content is discarded after the upload.

    Attributes:
        size: The size of the file in bytes.
    """

    size: int = 0


def main(folders: list[Path], show_all: bool = False) -> int:
    """Upload all files in the given folders and their subfolders, and print the measured values.

    Args:
        folders: The folders that contain the files.
        show_all: Whether to also print a line for each file that was not resized.

    Returns:
        The exit code, which is 1 if a value misses its target.

    Raises:
        WorkshopError: The folders contain no files, or the site does not start.
    """
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    if not files:
        raise WorkshopError(
            f"There are no files in {', '.join(map(str, folders))}. Give the path to a folder that contains "
            "pictures."
        )
    say(f"Uploading {len(files)} files, one file per request. This takes a few minutes.")
    with running(newest()) as site, peak_memory(site) as memory:
        photos = [Upload(Sample(file.name, "", file.read_bytes)) for file in files]
        upload(photos, site)
        log = site.log.read_text(encoding="utf-8", errors="replace").splitlines()
    results = figures(photos, memory, [line for line in log if _is_traceback(line)])
    for figure in results:
        say(str(figure))
    for (state, reason), count in Counter((photo.state, _reason(photo)) for photo in photos).most_common():
        if reason:
            say(f"{count:>9}  {state}: {reason}")
    for photo in photos if show_all else ():
        if photo.state != "resized":
            say(f"  {photo.name}: {photo.state}, {_reason(photo)}")
    return 0 if all(figure.is_good for figure in results) else 1


def upload(photos: list[Upload], site: Site) -> None:
    """Send the photos one by one, and then wait until all are done or their states no longer change.

    Raises:
        WorkshopError: The site has stopped.
    """
    with Visitor(site.address) as visitor:
        tracker = UploadTracker(visitor)
        for photo in photos:
            photo.content = photo.sample.content()
            tracker.send(photo)
            photo.size, photo.content = len(photo.content), b""

        def more_are_done() -> bool:
            for first in range(0, len(pending), ASKED_AT_ONCE):
                tracker.update(pending[first : first + ASKED_AT_ONCE])
            if not site.stays(SECONDS_BETWEEN):
                raise WorkshopError("The site has stopped. Its last lines:\n" + "\n".join(site.last_lines()))
            return any(photo.is_done for photo in pending)

        while pending := [photo for photo in photos if not photo.is_done]:
            if not until(more_are_done, PATIENCE):
                break


def figures(photos: list[Upload], memory: dict[int, int], tracebacks: list[str]) -> list[Figure]:
    """Return the measured values and their targets.

    Args:
        photos: The uploaded files.
        memory: The peak memory usage of the workers' child processes in bytes, by process id.
        tracebacks: The lines in the workers' log at which a traceback starts.
    """
    states = Counter(photo.state for photo in photos)
    statuses = [photo.http_status for photo in photos]
    explained = [photo for photo in photos if _reason(photo)]
    refused = sum(photo.state == "refused" and photo.http_status == 200 for photo in explained)
    failed = sum(photo.state == "failed" for photo in explained)
    seconds = [photo.request_seconds for photo in photos if photo.size <= LARGE]
    errors = sum(status is None or status >= 500 for status in statuses)
    silent = states["refused"] + states["failed"] - refused - failed - errors
    stuck = sum(not photo.is_done for photo in photos)
    return [
        Figure("uploaded", len(photos)),
        Figure("resized", states["resized"]),
        Figure("refused with a message", refused),
        Figure("failed with a reason", failed),
        Figure("refused or failed without a message", silent, 0),
        Figure("stuck", stuck, 0),
        Figure("HTTP 500, or no response", errors, 0),
        Figure("tracebacks in the workers' log", len(tracebacks), 0),
        Figure("largest worker subprocess", max(memory.values(), default=0) // 10**6, MOST_MEGABYTES, " MB"),
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
    """Measure the peak memory usage of the workers' child processes for the duration of the `with` block.

    Yields:
        The peak memory usage in bytes, by process id. The dictionary is complete after the block.
    """
    peaks: dict[int, int] = {}
    ended = threading.Event()
    workers = [psutil.Process(site.pid(name)) for name in WORKERS]

    def measure() -> None:
        while not ended.wait(0.02):
            for worker in workers:
                with suppress(psutil.Error):
                    for child in worker.children(recursive=True):
                        with suppress(psutil.Error, OSError):
                            peaks[child.pid] = max(peaks.get(child.pid, 0), _peak(child))

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _peak(process: psutil.Process) -> int:
    """Return the peak memory usage of a process. On systems other than Linux, return its current usage."""
    with suppress(FileNotFoundError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return process.memory_info().rss
