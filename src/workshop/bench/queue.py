"""What the queue costs: photos through web, broker, worker and database, against a bare process pool."""

import sqlite3
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from workshop import samples
from workshop.demo_site import Site
from workshop.errors import WorkshopError
from workshop.figures import Goal
from workshop.visitor import Visitor

from .section import Section, Table
from .statistic import spread
from .visitor import GUNICORN, PATIENCE, behind_gunicorn

SOLUTION = "03-images"
CLIENTS = 2
PROCESSES = 2
SEND = """
import sys, time, django
django.setup()
from images.models import UploadedImage
from images.tasks import resize_image_task
ids = list(UploadedImage.objects.values_list("pk", flat=True))
resize_image_task.app.connection_for_write().ensure_connection()
print(time.time(), flush=True)
for pk in ids:
    resize_image_task.delay(pk)
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


def measure(quick: bool) -> Section:
    """The three ways in turn, on the same files. Raises WorkshopError when one leaves a photo unresized."""
    rounds, count = (1, 6) if quick else (5, 60)
    photo = samples.photo(4032, 3024)
    rates: dict[str, list[float]] = {"pool": [], "queue": [], "web": []}
    for _ in range(rounds):
        with behind_gunicorn(SOLUTION) as site:
            rates["web"].append(count / _through_web(site, photo, count))
            rates["pool"].append(count / _pool(site, count))
            rates["queue"].append(count / _through_queue(site, count))
    return _section(rates, rounds, count)


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
                raise WorkshopError(f"The site did not take a photo: {answer.refusal}")


def _through_queue(site: Site, count: int) -> float:
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE images_uploadedimage SET is_processed = 0")
    environment = site.environment | {"DJANGO_SETTINGS_MODULE": "myproject.settings"}
    sending = subprocess.Popen(
        [sys.executable, "-c", SEND],
        cwd=site.project.folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    began = float(sending.stdout.readline() or "nan")
    ended = _all_resized(site, count)
    sending.communicate(timeout=PATIENCE)
    return ended - began


def _pool(site: Site, count: int) -> float:
    files = sorted((site.data / "media/uploads").iterdir())
    if len(files) != count:
        raise WorkshopError(f"{len(files)} of {count} photos are there.")
    target = site.data / "pool"
    target.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", POOL, str(site.project.folder), str(target), str(PROCESSES), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or len(list(target.iterdir())) != count:
        raise WorkshopError(f"The process pool did not do its work.\n{done.stderr}")
    return float(done.stdout)


def _all_resized(site: Site, count: int) -> float:
    """The moment when all photos are resized. Raises WorkshopError when they never are."""
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


def _section(rates: dict[str, list[float]], rounds: int, count: int) -> Section:
    names = {
        "pool": "a bare process pool: read, resize, write",
        "queue": "broker, worker, database",
        "web": "upload over HTTP, broker, worker, database",
    }
    pool = statistics.median(rates["pool"])
    rows = [
        [name, spread(rates[key], 1), f"{100 * statistics.median(rates[key]) / pool:.0f} %"]
        for key, name in names.items()
    ]
    return Section(
        "queue",
        "What the queue costs",
        f"{count} photos of 12 megapixels, {PROCESSES} processes, {rounds} rounds. The pool resizes the "
        "files that were uploaded, and writes the results. Through the queue each photo is a message, a row "
        f"that is read, a file, and a row that is written. Over HTTP, `{GUNICORN}` and {CLIENTS} clients "
        "share the same cores.",
        [Table("Photos per second", ["", "median (range)", "of the pool"], rows)],
        goals=[Goal("queue / pool", statistics.median(rates["queue"]) / pool, 0.95)],
    )
