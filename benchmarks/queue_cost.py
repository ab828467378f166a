"""Measure the cost of the queue: the web process, broker, worker and database against a process pool."""

import sqlite3
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import psutil

from benchmarks.measuring import Goal
from benchmarks.resize import picture
from benchmarks.section import Section, Table
from benchmarks.visitor import GUNICORN, PATIENCE, behind_gunicorn
from workshop.errors import WorkshopError
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import Site
from workshop.system.child import Child
from workshop.system.percentiles import spread

SOLUTION = "03-images"
CLIENTS = 2
PROCESSES = 2
SIZE = (4000, 3000)
COUNTS = {"JPEG": 150, "PNG": 60}
"""Photos of 12 megapixels, by format: enough for about five seconds."""
GOAL = 0.95
SEND = """
import sys, time, django
django.setup()
from images.models import UploadedImage
from images.tasks import resize_image_task
ids = list(UploadedImage.objects.values_list("pk", flat=True))
resize_image_task.app.connection_for_write().ensure_connection()
print(time.time(), flush=True)
before = time.process_time()
for pk in ids:
    resize_image_task.delay(pk)
print(time.process_time() - before)
"""
POOL = """
import sys, time
from multiprocessing import Pool
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from images.resizing import resize

def one(name):
    with open(name, "rb") as file:
        resized = resize(file, 800, 600)
    (target / (Path(name).stem + resized.extension)).write_bytes(resized.content)

target, names = Path(sys.argv[2]), sys.argv[4:]
with Pool(int(sys.argv[3])) as pool:
    pool.map(one, names[:int(sys.argv[3]) * 2], chunksize=1)
    started = time.time()
    pool.map(one, names, chunksize=1)
    print(time.time() - started)
"""


@dataclass
class Found:
    """The measurements for one format.

    rates: photos per second, by alternative. costs: the core time of each part of the queue, in seconds per
    photo, by name.
    """

    rates: dict[str, list[float]] = field(default_factory=lambda: {"pool": [], "queue": [], "web": []})
    costs: dict[str, list[float]] = field(default_factory=dict)


def measure(quick: bool) -> Section:
    """Run the three alternatives in turn on the same files. Raises WorkshopError if a photo is lost."""
    rounds, counts = (1, {"JPEG": 6}) if quick else (5, COUNTS)
    found = {kind: Found() for kind in counts}
    for _ in range(rounds):
        for kind, count in counts.items():
            rates, costs = found[kind].rates, found[kind].costs
            with behind_gunicorn(SOLUTION) as site:
                rates["web"].append(count / _through_web(site, picture(kind, *SIZE), count))
                rates["pool"].append(count / _pool(site, count))
                seconds, spent = _through_queue(site, count)
                rates["queue"].append(count / seconds)
                for part, used in spent.items():
                    costs.setdefault(part, []).append(used / count)
    return _section(found, rounds, counts)


def _through_web(site: Site, photo: bytes, count: int) -> float:
    began = time.time()
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(
            threads.map(
                lambda part: _upload(site, photo, part), [range(n, count, CLIENTS) for n in range(CLIENTS)]
            )
        )
        return _all_resized(site, count) - began


def _upload(site: Site, photo: bytes, numbers: range) -> None:
    with Visitor(site.address) as visitor:
        for number in numbers:
            answer = visitor.upload(f"p{number:03}.jpg", photo)
            if answer.refusal:
                raise WorkshopError(f"The site rejected a photo: {answer.refusal}")


def _through_queue(site: Site, count: int) -> tuple[float, dict[str, float]]:
    """Seconds until all photos were resized, and the CPU seconds that each part used in that time."""
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE images_uploadedimage SET is_processed = 0, resized_image = ''")
    environment = site.environment | {"DJANGO_SETTINGS_MODULE": "myproject.settings"}
    before = _spent(site)
    with Child([sys.executable, "-c", SEND], folder=site.project.folder, environment=environment) as sending:
        printed = sending.lines()
        began = float(next(printed, "nan"))
        ended = _all_resized(site, count)
        after = _spent(site)
        sent = float(next(printed, "nan"))
    return ended - began, {
        "the worker's child processes: resize, rows, files": after["children"] - before["children"],
        "the worker's main process: messages": after["main"] - before["main"],
        "the producer: delay()": sent,
        "the broker": after["broker"] - before["broker"],
    }


def _spent(site: Site) -> dict[str, float]:
    """The CPU seconds that the site's processes have used since they started."""
    worker = psutil.Process(site.pid("worker"))
    return {
        "main": sum(worker.cpu_times()[:2]),
        "children": sum(sum(child.cpu_times()[:2]) for child in worker.children()),
        "broker": sum(psutil.Process(site.broker_pid).cpu_times()[:2]),
    }


def _pool(site: Site, count: int) -> float:
    files = sorted((site.data / "media/uploads").iterdir())
    if len(files) != count:
        raise WorkshopError(f"Expected {count} uploaded files, but found {len(files)}.")
    target = site.data / "pool"
    target.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", POOL, str(site.project.folder), str(target), str(PROCESSES), *map(str, files)],
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or len(list(target.iterdir())) != count:
        raise WorkshopError(f"The process pool failed.\n{done.stderr}")
    return float(done.stdout)


def _all_resized(site: Site, count: int) -> float:
    """Wait until all photos are resized, and return the time. Raises WorkshopError on a timeout."""
    deadline = time.monotonic() + PATIENCE
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as database:
        while True:
            done = database.execute(
                "SELECT count(*) FROM images_uploadedimage WHERE is_processed"
            ).fetchone()[0]
            if done == count:
                return time.time()
            if time.monotonic() > deadline:
                raise WorkshopError(f"{count - done} of {count} photos were not resized.")
            time.sleep(0.02)


def _section(found: dict[str, Found], rounds: int, counts: dict[str, int]) -> Section:
    names = {
        "pool": "process pool only (read, resize, write)",
        "queue": "broker, worker, database",
        "web": "upload over HTTP, broker, worker, database",
    }
    rates, goals = [], []
    for kind, each in found.items():
        pool = statistics.median(each.rates["pool"])
        for key, name in names.items():
            rate = statistics.median(each.rates[key])
            rates.append([f"{kind}: {name}", spread(each.rates[key], 1), f"{100 * rate / pool:.0f} %"])
        goals.append(Goal(f"{kind}: queue / pool", statistics.median(each.rates["queue"]) / pool, GOAL))
    tables = [
        Table("Photos per second", ["", "median (range)", "relative to the pool"], rates),
        _costs(found),
    ]
    many = " or ".join(f"{count} {kind}" for kind, count in counts.items())
    return Section(
        "queue",
        "What the queue costs",
        f"Each of the {rounds} rounds resizes {many} photos of 12 megapixels in {PROCESSES} processes. The "
        "process pool reads the uploaded files, resizes the photos and writes the results. With the queue, "
        "each photo also needs a message, a row that is read, and a row that is updated. In the measurement "
        f"over HTTP, `{GUNICORN}` and {CLIENTS} clients share the same cores.",
        tables,
        goals=goals,
        remarks=REMARKS,
    )


def _costs(found: dict[str, Found]) -> Table:
    """How the core time per photo is divided, in milliseconds."""
    columns = []
    for each in found.values():
        whole = {way: 1000 * PROCESSES / statistics.median(each.rates[way]) for way in ("pool", "queue")}
        parts = {part: 1000 * statistics.median(used) for part, used in each.costs.items()}
        rest = {"idle: a process waits for its next photo": whole["queue"] - sum(parts.values())}
        pool, queue = {"the pool, total": whole["pool"]}, {"the queue, total": whole["queue"]}
        columns.append(pool | queue | parts | rest)
    rows = [[part, *(f"{column[part]:.1f}" for column in columns)] for part in columns[0]]
    return Table("Core time per photo, ms", ["", *found], rows)


REMARKS = [
    "The queue adds about the same time to each photo, however long the task takes, so its share is smaller "
    "for longer tasks. Resizing a JPEG is fast, because most of its pixels are never decoded. So the queue's "
    "share is larger for a JPEG than for a PNG.",
    "On 25 November 2026, three changes made no measurable difference: persistent database connections "
    "(CONN_MAX_AGE), three processes on two cores, and a worker without gossip, mingle and heartbeat. But "
    "the measurement revealed a mistake, and fixing it helped: the rows didn't store the size of the resized "
    "photo, so Django opened the file whenever it loaded a row.",
]
