"""Measure how durations and memory use change as the number of photos grows from 10 to 10,000."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, fields

import psutil

from benchmarks import line_plot
from benchmarks.section import Goal, Plot, Section, Table
from benchmarks.sites import behind_gunicorn, run_in_project
from workshop.console import listed
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import Site

SOLUTION = "05-beat"
WORKER = "env DEBUG=0 SECRET_KEY=for-the-measurement"
"""A prefix for the worker's command.

With DEBUG=1, Django would keep each process's last 9,000 queries in memory (see BaseDatabaseWrapper).
"""
REQUESTS = 20
PAGE = 24
"""The number of photos on each page of the list."""
ROUNDS = 3
REMARKS = [
    "The worker runs with DEBUG=0, as on a server. With DEBUG=1, Django keeps the last 9,000 queries of each "
    "process in memory. In a run on 25 November 2026, a worker with DEBUG=1 used 150 MB after 100 photos and "
    "177 MB after 10,000.",
]


@dataclass(frozen=True)
class Size:
    """The measurements for a given number of photos.

    Attributes:
        photos: The number of photos.
        rate: The number of photos resized per second.
        memory: The memory of the worker's processes after the work is done, in MB.
        first_page: The response time of the first page of the list, in seconds.
        last_page: The response time of the last full page of the list, in seconds.
        sweep: The duration of a sweep, in seconds.
        report: The time it takes to calculate a report, in seconds.
    """

    photos: int
    rate: float
    memory: float
    first_page: float
    last_page: float
    sweep: float
    report: float


COLUMNS: dict[str, Callable[[Size], str]] = {
    "photos": lambda size: f"{size.photos:,}",
    "photos/s": lambda size: f"{size.rate:.0f}",
    "worker, MB": lambda size: f"{size.memory:.0f}",
    "first page, ms": lambda size: f"{size.first_page * 1000:.1f}",
    "last page, ms": lambda size: f"{size.last_page * 1000:.1f}",
    "sweep, s": lambda size: f"{size.sweep:.2f}",
    "report, ms": lambda size: f"{size.report * 1000:.0f}",
}
"""For each heading of the table, a function that returns the text of the cell."""


def measure(quick: bool) -> Section:
    """Take the measurements for each number of photos, each time on a fresh site."""
    sizes, rounds = ((10, 50), 1) if quick else ((10, 100, 1_000, 10_000), ROUNDS)
    measured: dict[int, list[Size]] = {photos: [] for photos in sizes}
    for number in range(rounds):
        # A round with the largest number of photos takes longest. One such round is enough, because the noise
        # averages out.
        for photos in sizes if number == 0 else sizes[:-1]:
            with behind_gunicorn(SOLUTION, ("beat", "flower", "slow"), WORKER) as site:
                measured[photos].append(_measured(site, photos))
    return _section([_median(values) for values in measured.values()], rounds)


def _measured(site: Site, photos: int) -> Size:
    run_in_project(site, "fill", photos)
    with Visitor(site.address) as visitor:
        first, last = (_page(visitor, path) for path in ("/", f"/?page={max(1, photos // PAGE)}"))
    [sweep] = run_in_project(site, "sweep", photos)  # all photos are overdue, so the sweep fills the queue
    start, end = run_in_project(site, "resized", photos)
    [report] = run_in_project(site, "report", photos)
    return Size(photos, photos / (end - start), _memory(site), first, last, sweep, report)


def _page(visitor: Visitor, path: str) -> float:
    visitor.get(path)
    return statistics.median(visitor.get(path)[0] for _ in range(REQUESTS))


def _memory(site: Site) -> float:
    """Return the memory of the worker and its child processes, in MB.

    Memory that several processes share is divided between these processes.
    """
    worker = psutil.Process(site.pid("worker"))
    memory = [process.memory_full_info() for process in (worker, *worker.children(recursive=True))]
    return sum(getattr(used, "pss", used.uss) for used in memory) / 1e6  # macOS doesn't report PSS


def _median(measured: list[Size]) -> Size:
    return Size(
        *(statistics.median(getattr(size, field.name) for size in measured) for field in fields(Size))
    )


def _section(sizes: list[Size], rounds: int) -> Section:
    return Section(
        "growth",
        "Scaling with the number of photos",
        "The finished system of lesson 05 processes tiny photos (64×48), so that the queue does most of the "
        "work. At first, all photos are waiting without a message. Then a single sweep sends the tasks for "
        f"all of them. There are {rounds} rounds, each on a fresh site, but the largest number of photos is "
        "measured only once.",
        [Table.of("By number of photos", COLUMNS, sizes)],
        [_plot(sizes)],
        _goals(sizes),
        REMARKS,
    )


def _plot(sizes: list[Size]) -> Plot:
    seconds = {
        "sweep": [size.sweep for size in sizes],
        "report": [size.report for size in sizes],
        "first page": [size.first_page for size in sizes],
    }
    from_to = listed(
        f"the {name} takes {values[0]:.3f} to {values[-1]:.3f} s" for name, values in seconds.items()
    )
    photos = [size.photos for size in sizes]
    return Plot(
        "growth-seconds",
        "The plot shows how many seconds three operations take, depending on the number of photos: a sweep "
        "in which every photo is overdue, a report, and the first page of the list. Both axes are "
        f"logarithmic. From the fewest to the most photos, {from_to}.",
        line_plot.draw({name: (photos, values) for name, values in seconds.items()}, "photos", "seconds"),
    )


def _goals(sizes: list[Size]) -> list[Goal]:
    # With only ten photos, the site is not warmed up yet, so the comparison starts at a hundred photos.
    small, large = sizes[min(1, len(sizes) - 2)], sizes[-1]
    times = large.photos / small.photos
    compared = f"with {large.photos:,} photos compared with {small.photos:,}"

    def at_most(what: str, ratio: float) -> Goal:
        return Goal(f"{what}, {compared}", ratio, 1.1, at_most=True)

    return [
        Goal(f"photos per second, {compared}", large.rate / small.rate, 0.9),
        at_most("memory of the worker", large.memory / small.memory),
        at_most("time for the first page of the list", large.first_page / small.first_page),
        at_most("time for the last page of the list", large.last_page / small.last_page),
        at_most("time of a sweep per photo", large.sweep / small.sweep / times),
        at_most("time of a report per photo", large.report / small.report / times),
    ]
