"""Measure the cost of the queue: compare the web process, broker, worker and database with a process pool."""

import sqlite3
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import psutil

from benchmarks.resize import picture
from benchmarks.section import Goal, Section, Table
from benchmarks.sites import GUNICORN, behind_gunicorn, environment, program, run_in_project
from benchmarks.visitor import PATIENCE
from workshop.errors import WorkshopError
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import Site
from workshop.system.child import Child
from workshop.system.percentiles import spread
from workshop.system.waiting import until

SOLUTION = "03-images"
CLIENTS = 2
PROCESSES = 2
SIZE = (4000, 3000)
ROUNDS = 5
COUNTS = {"JPEG": 150, "PNG": 60}
"""The number of 12-megapixel photos in each format, which is enough for about five seconds of work."""
GOAL = 0.95
WAYS = {
    "pool": "process pool only (read, resize, write)",
    "queue": "broker, worker, database",
    "web": "upload over HTTP, broker, worker, database",
}
"""The three ways to resize the photos, with their labels in the table."""
REMARKS = [
    "The queue adds about the same time to each photo, however long the task takes, so the queue's share of "
    "the time is smaller for longer tasks. Resizing a JPEG is fast, because most of its pixels are never "
    "decoded. So the queue's share is larger for a JPEG than for a PNG.",
    "On 25 November 2026, three changes made no measurable difference: persistent database connections "
    "(CONN_MAX_AGE), three processes on two cores, and a worker without gossip, mingle and heartbeat. But "
    "the measurement revealed a mistake: the rows didn't store the size of the resized photo, so Django "
    "opened the photo's file whenever it loaded a row. Fixing this mistake helped.",
]


@dataclass
class Measured:
    """The measurements for one format.

    Attributes:
        rates: Photos per second in each round, by the names in WAYS.
        costs: The core time of each part per photo in each round, in seconds, by the name of the part.
    """

    rates: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    costs: dict[str, list[float]] = field(default_factory=dict)


def measure(quick: bool) -> Section:
    """Resize the same files in each of the three ways, one after another."""
    rounds, counts = (1, {"JPEG": 6}) if quick else (ROUNDS, COUNTS)
    formats = {kind: Measured() for kind in counts}
    for _ in range(rounds):
        for kind, count in counts.items():
            with behind_gunicorn(SOLUTION) as site:
                _measure_once(site, picture(kind, *SIZE), count, formats[kind])
    return _section(formats, rounds, counts)


def _measure_once(site: Site, photo: bytes, count: int, measured: Measured) -> None:
    measured.rates["web"].append(count / _through_web(site, photo, count))
    measured.rates["pool"].append(count / _pool(site, count))
    seconds, costs = _through_queue(site, count)
    measured.rates["queue"].append(count / seconds)
    for part, used in costs.items():
        measured.costs.setdefault(part, []).append(used / count)


def _through_web(site: Site, photo: bytes, count: int) -> float:
    """Upload the photos, and return the seconds until all of them are resized."""

    def upload(numbers: range) -> None:
        with Visitor(site.address) as visitor:
            for number in numbers:
                visitor.upload(f"p{number:03}.jpg", photo).raise_for_refusal()

    start = time.time()
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(upload, [range(first, count, CLIENTS) for first in range(CLIENTS)]))
    return _all_resized(site, count) - start


def _through_queue(site: Site, count: int) -> tuple[float, dict[str, float]]:
    """Mark all photos as not resized, and send their tasks again.

    Returns:
        The seconds until all photos are resized, and the CPU seconds that each part uses in that time.
    """
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE images_uploadedimage SET is_processed = 0, resized_image = ''")
    before = _cpu_seconds(site)
    with Child(program("send"), folder=site.project.folder, environment=environment(site)) as sender:
        printed = sender.lines()
        start = float(next(printed, "nan"))
        end = _all_resized(site, count)
        after = _cpu_seconds(site)
        producer = float(next(printed, "nan"))
    costs = {part: after[part] - before[part] for part in ("children", "main", "broker")}
    return end - start, {
        "the worker's child processes: resize, rows, files": costs["children"],
        "the worker's main process: messages": costs["main"],
        "the producer: delay()": producer,
        "the broker": costs["broker"],
    }


def _cpu_seconds(site: Site) -> dict[str, float]:
    """Return the CPU seconds that the site's processes have used since they started."""
    worker = psutil.Process(site.pid("worker"))
    return {
        "main": sum(worker.cpu_times()[:2]),
        "children": sum(sum(child.cpu_times()[:2]) for child in worker.children()),
        "broker": sum(psutil.Process(site.broker_pid).cpu_times()[:2]),
    }


def _pool(site: Site, count: int) -> float:
    """Resize the uploaded files in a process pool, and return how many seconds that takes.

    Raises:
        WorkshopError: If the number of files is wrong before or after the resize.
    """
    files = sorted((site.data / "media/uploads").iterdir())
    if len(files) != count:
        raise WorkshopError(f"Expected {count} uploaded files, but found {len(files)}.")
    target = site.data / "pool"
    target.mkdir()
    [seconds] = run_in_project(site, "pool", PROCESSES, target, *files)
    if len(list(target.iterdir())) != count:
        raise WorkshopError("The process pool did not resize all photos.")
    return seconds


def _all_resized(site: Site, count: int) -> float:
    """Wait until all photos are resized, and return the current time in seconds since 1970.

    Raises:
        WorkshopError: If some photos are still not resized after PATIENCE seconds.
    """
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as database:

        def resized() -> int:
            query = "SELECT count(*) FROM images_uploadedimage WHERE is_processed"
            return database.execute(query).fetchone()[0]

        if not until(lambda: resized() == count, PATIENCE, longest_pause=0.02):
            raise WorkshopError(f"{count - resized()} of {count} photos were not resized.")
        return time.time()


def _section(formats: dict[str, Measured], rounds: int, counts: dict[str, int]) -> Section:
    rows, goals = [], []
    for kind, measured in formats.items():
        medians = {way: statistics.median(rates) for way, rates in measured.rates.items()}
        for way, words in WAYS.items():
            share = f"{100 * medians[way] / medians['pool']:.0f} %"
            rows.append([f"{kind}: {words}", spread(measured.rates[way], 1), share])
        label = f"{kind}: photos per second with the queue, compared with the process pool"
        goals.append(Goal(label, medians["queue"] / medians["pool"], GOAL))
    photos = " or ".join(f"{count} {kind}" for kind, count in counts.items())
    return Section(
        "queue",
        "What the queue costs",
        f"In each of the {rounds} rounds, {PROCESSES} processes resize {photos} photos of 12 megapixels. The "
        "process pool reads the uploaded files, resizes the photos and writes the results. With the queue, "
        "each photo also requires a message, a database read and a database update. In the measurement over "
        f"HTTP, `{GUNICORN}` and {CLIENTS} clients run on the same cores, too.",
        [
            Table("Photos per second", ["", "median (range)", "relative to the pool"], rows),
            _cost_table(formats),
        ],
        goals=goals,
        remarks=REMARKS,
    )


def _cost_table(formats: dict[str, Measured]) -> Table:
    """Return a table of the core time that each part uses per photo, in milliseconds."""
    columns = []
    for measured in formats.values():
        pool, queue = (1000 * PROCESSES / statistics.median(measured.rates[way]) for way in ("pool", "queue"))
        parts = {part: 1000 * statistics.median(used) for part, used in measured.costs.items()}
        idle = queue - sum(parts.values())
        columns.append(
            {
                "the pool, total": pool,
                "the queue, total": queue,
                **parts,
                "idle: a process waits for its next photo": idle,
            }
        )
    rows = [[part, *(f"{column[part]:.1f}" for column in columns)] for part in columns[0]]
    return Table("Core time per photo, ms", ["", *formats], rows)
