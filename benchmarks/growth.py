"""Measure what grows with the number of photos, from ten to ten thousand, and what doesn't."""

import statistics
import subprocess
import sys
from dataclasses import dataclass

import psutil

from benchmarks import growth_in_project, plot
from benchmarks.measuring import Goal
from benchmarks.section import Plot, Section, Table
from benchmarks.visitor import behind_gunicorn
from workshop.errors import WorkshopError
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import Site

SOLUTION = "05-beat"
WORKER = "env DEBUG=0 SECRET_KEY=for-the-measurement"
"""With DEBUG=1, a process keeps its last 9,000 queries (django.db.backends.base.base)."""
LOOKS = 20
PAGE = 24
"""Photos on a page of the list."""


@dataclass(frozen=True)
class Size:
    """The measurements with `photos` photos.

    rate: photos per second. memory: MB of the worker's processes after the work. The others are seconds: the
    first page and the last full page of the list, a sweep, and the figures of a report.
    """

    photos: int
    rate: float
    memory: float
    first_page: float
    last_page: float
    sweep: float
    report: float


def measure(quick: bool) -> Section:
    """Measure each size on a fresh site. Raises WorkshopError if a photo is not resized."""
    sizes, rounds = ((10, 50), 1) if quick else ((10, 100, 1_000, 10_000), 3)
    found: dict[int, list[Size]] = {size: [] for size in sizes}
    for turn in range(rounds):
        # The largest size takes longest and averages out its own noise, so once is enough.
        for size in sizes if turn == 0 else sizes[:-1]:
            with behind_gunicorn(SOLUTION, ("beat", "flower", "slow"), WORKER) as site:
                found[size].append(_measured(site, size))
    return _section([_median(each) for each in found.values()], rounds)


def _measured(site: Site, photos: int) -> Size:
    _inside(site, "fill", photos)
    with Visitor(site.address) as visitor:
        first, last = (_page(visitor, path) for path in ("/", f"/?page={max(1, photos // PAGE)}"))
    sweep = _inside(site, "sweep", photos)  # finds all photos overdue, and so fills the queue
    began, ended = _inside(site, "resized", photos, both=True)
    report = _inside(site, "report", photos)
    return Size(photos, photos / (ended - began), _memory(site), first, last, sweep, report)


def _page(visitor: Visitor, path: str) -> float:
    visitor.get(path)
    return statistics.median(visitor.get(path)[0] for _ in range(LOOKS))


def _memory(site: Site) -> float:
    """Memory of the worker and its child processes in MB, including their share of shared memory."""
    worker = psutil.Process(site.pid("worker"))
    family = [worker, *worker.children(recursive=True)]
    return sum(_share(process) for process in family) / 1e6


def _share(process: psutil.Process) -> int:
    memory = process.memory_full_info()
    return getattr(memory, "pss", memory.uss)  # macOS knows no PSS


def _inside(site: Site, what: str, photos: int, both: bool = False):
    """Run a function of growth_inside in the project, and return its output as numbers."""
    done = subprocess.run(
        [sys.executable, "-P", growth_in_project.__file__, what, str(photos)],
        cwd=site.project.folder,
        env=site.environment
        | {
            "DJANGO_SETTINGS_MODULE": "myproject.settings",
            "PYTHONPATH": str(site.project.folder),
            "SWEEP_AFTER": "600",
        },
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    if done.returncode:
        raise WorkshopError(f"The step {what!r} with {photos} photos failed.\n{done.stderr[-2000:]}")
    numbers = [float(word) for word in done.stdout.split()[-2:]]
    return tuple(numbers) if both else numbers[-1]


def _median(found: list[Size]) -> Size:
    names = ("rate", "memory", "first_page", "last_page", "sweep", "report")
    return Size(
        found[0].photos, **{name: statistics.median(getattr(each, name) for each in found) for name in names}
    )


def _section(sizes: list[Size], rounds: int) -> Section:
    rows = [
        [
            f"{size.photos:,}",
            f"{size.rate:.0f}",
            f"{size.memory:.0f}",
            f"{size.first_page * 1000:.1f}",
            f"{size.last_page * 1000:.1f}",
            f"{size.sweep:.2f}",
            f"{size.report * 1000:.0f}",
        ]
        for size in sizes
    ]
    headings = [
        "photos",
        "photos/s",
        "worker, MB",
        "first page, ms",
        "last page, ms",
        "sweep, s",
        "report, ms",
    ]
    # With ten photos, nothing is warmed up yet, so compare with a hundred photos.
    small, large = sizes[min(1, len(sizes) - 2)], sizes[-1]
    times = large.photos / small.photos
    goals = [
        Goal(f"photos/s, {large.photos:,} / {small.photos:,}", large.rate / small.rate, 0.9),
        Goal("worker's memory", large.memory / small.memory, 1.1, at_most=True),
        Goal("first page of the list", large.first_page / small.first_page, 1.1, at_most=True),
        Goal("last page of the list", large.last_page / small.last_page, 1.1, at_most=True),
        Goal("sweep, per photo", large.sweep / small.sweep / times, 1.1, at_most=True),
        Goal("report, per photo", large.report / small.report / times, 1.1, at_most=True),
    ]
    names = {"sweep": "sweep", "report": "report", "first page": "first_page"}
    from_to = "; ".join(
        f"{name}, {getattr(sizes[0], field):.3f} to {getattr(sizes[-1], field):.3f} s"
        for name, field in names.items()
    )
    drawn = Plot(
        "growth-seconds",
        "Seconds for a sweep in which every photo is overdue, for a report, and for the first page of the "
        "list, by number of photos. Both axes are logarithmic. From the fewest to the most photos: "
        f"{from_to}.",
        plot.lines(
            {
                name: ([size.photos for size in sizes], [getattr(size, field) for size in sizes])
                for name, field in names.items()
            },
            "photos",
            "seconds",
            log=True,
        ),
    )
    how = (
        "The finished system of lesson 05 processes tiny photos (64×48), so that the queue does most of the "
        "work. All photos are waiting without a message, and a single sweep sends the tasks for all of them. "
        f"Rounds: {rounds}, each on a fresh site. The largest number of photos is measured once."
    )
    tables = [Table("By number of photos", headings, rows)]
    return Section("growth", "Scaling with the number of photos", how, tables, [drawn], goals, REMARKS)


REMARKS = [
    "The worker runs with DEBUG=0, as on a server. With DEBUG=1, Django keeps the last 9,000 queries of each "
    "process. In a run on 25 November 2026, such a worker used 177 MB after 10,000 photos, and 150 MB after "
    "100.",
]
