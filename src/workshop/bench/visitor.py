"""Measure response times of uploads and other pages, with the resize inside and outside the request."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path

from honcho.environ import parse_procfile

from workshop import paths
from workshop.bench.figures import Goal
from workshop.errors import WorkshopError
from workshop.photos.visitor import Answer, Visitor
from workshop.runtime.solution_site import Site, running
from workshop.system.percentiles import percentile

from . import looking, plot
from .resize import picture
from .section import Plot, Section, Table

NICE = "(echo 10 > /proc/self/autogroup) 2> /dev/null; exec nice -n 10"
"""With autogroup, Linux applies nice only within a session. The file sets the session's own nice value."""
SITES = {
    "blocking": ("01-sync", ""),
    "offloaded": ("03-images", ""),
    "offloaded, nice worker": ("03-images", NICE),
}
"""The solution, and the command prefix that lowers its worker's priority, by name."""
BLOCKING, OFFLOADED = "blocking", "offloaded, nice worker"
"""The alternatives that the goals compare."""
GUNICORN = "gunicorn myproject.wsgi --bind 127.0.0.1:$PORT --workers 3 --threads 2"
UPLOADS = 20
WARM = 9
"""Warm-up uploads, enough for each of gunicorn's processes to handle one and connect to the broker."""
WAYS = {"all at once": 0.0, "one every 0.3 s": 0.3}
"""Seconds between two uploads, by name."""
KINDS, SIZE = ("JPEG", "PNG"), (4000, 3000)
UPLOAD_GOAL, PAGE_GOAL = 0.2, 1.5
IDLE_LOOKS = 40
LOOK_EVERY = 0.05
"""Seconds between two requests of the other visitor."""
PATIENCE = 120.0


@dataclass
class Seen:
    """Seconds: uploads, another visitor's pages before and during them, and until photos were ready."""

    uploads: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)


PICKS: dict[str, Callable[[Seen], list[float]]] = {
    "upload": lambda seen: seen.uploads,
    "another page, idle": lambda seen: seen.idle,
    "another page, during the uploads": lambda seen: seen.pages,
    "until the photo is ready": lambda seen: seen.ready,
}


def measure(quick: bool) -> Section:
    """Upload photos all at once and with pauses, to all sites in turn.

    Raises WorkshopError if a photo is lost.
    """
    rounds, uploads, warm, idle = (1, 4, 1, 10) if quick else (5, UPLOADS, WARM, IDLE_LOOKS)
    photos = {kind: picture(kind, *SIZE) for kind in (KINDS[:1] if quick else KINDS)}
    found = {(kind, way): {name: Seen() for name in SITES} for kind in photos for way in WAYS}
    for turn in range(rounds):
        for (kind, way), sites in found.items():
            for name in list(SITES)[:: 1 if turn % 2 == 0 else -1]:
                solution, before = SITES[name]
                with behind_gunicorn(solution, before_worker=before) as site:
                    _warm_up(site, photos[kind], warm)
                    _round(site, photos[kind], uploads, WAYS[way], idle, sites[name])
    return _section(found, rounds, uploads, {kind: len(photo) for kind, photo in photos.items()})


def behind_gunicorn(
    solution: str, without: Collection[str] = (), before_worker: str = ""
) -> AbstractContextManager[Site]:
    """Run a solution with a production server and its own data.

    before_worker: a prefix for the worker's command.
    """
    commands = {"web": GUNICORN}
    if before_worker:
        procfile = (paths.SOLUTIONS / solution / "Procfile").read_text(encoding="utf-8")
        commands["worker"] = f"{before_worker} {parse_procfile(procfile).processes['worker']}"
    return running(solution, without, commands)


def _warm_up(site: Site, photo: bytes, uploads: int) -> None:
    """Upload photos over separate connections, which any process may accept. Wait for the resizes."""
    for _ in range(uploads):
        with Visitor(site.address) as visitor:
            _taken(visitor.upload("warm.jpg", photo))
    _watch(site, ["warm"], threading.Event())


def _round(site: Site, photo: bytes, uploads: int, apart: float, idle: int, seen: Seen) -> None:
    """Upload `uploads` photos, `apart` seconds apart, while another visitor requests the list of photos.

    The other visitor makes `idle` requests before the uploads start.
    """
    over, began = threading.Event(), {}
    names = [f"p{number:03}" for number in range(uploads)]
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(_another_visitor(site, idle))
        seen.idle += json.loads(other.stdout.readline() or "[]")
        visitors = [stack.enter_context(Visitor(site.address)) for _ in names]
        prepared = [
            visitor.prepare(f"{name}.jpg", photo) for name, visitor in zip(names, visitors, strict=True)
        ]

        def upload(number: int) -> None:
            time.sleep(number * apart)
            began[names[number]] = time.time()
            seen.uploads.append(_taken(visitors[number].send(prepared[number])))

        with ThreadPoolExecutor(uploads + 1) as threads:
            watching = threads.submit(_watch, site, names, over)
            try:
                list(threads.map(upload, range(uploads)))
                ready = watching.result(PATIENCE)
            finally:
                over.set()
        seen.pages += json.loads(other.communicate(timeout=PATIENCE)[0] or "[]")
    seen.ready += [ready[name] - began[name] for name in began]


def _taken(answer: Answer) -> float:
    """The seconds of an upload. Raises WorkshopError if the site rejected the photo."""
    if answer.refusal:
        raise WorkshopError(f"The site rejected a photo: {answer.refusal}")
    return answer.seconds


@contextlib.contextmanager
def _another_visitor(site: Site, idle: int) -> Iterator[subprocess.Popen]:
    """Run looking.py in a separate process. In this process, it would wait for the uploading threads."""
    sources = str(paths.SOURCES)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", looking.__name__, site.address, str(LOOK_EVERY), str(idle)],
        env=site.environment | {"PYTHONPATH": sources},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _watch(site: Site, names: list[str], over: threading.Event) -> dict[str, float]:
    """Wait until the photos are ready, and return the times by name. Raises WorkshopError on a timeout."""
    ready: dict[str, float] = {}
    deadline = time.monotonic() + PATIENCE
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as database:
        while not over.is_set():
            rows = database.execute("SELECT image, is_processed FROM images_uploadedimage").fetchall()
            done = {name: [] for name in names}
            for image, processed in rows:
                done.get(Path(image).name[:4], []).append(processed)
            for name in names:
                if done[name] and all(done[name]):
                    ready.setdefault(name, time.time())
            if len(ready) == len(names):
                break
            if time.monotonic() > deadline:
                raise WorkshopError(f"{len(names) - len(ready)} of {len(names)} photos were not resized.")
            time.sleep(0.02)
    return ready


def _section(
    found: dict[tuple[str, str], dict[str, Seen]], rounds: int, uploads: int, sizes: dict[str, int]
) -> Section:
    tables, goals = [], []
    for (kind, way), sites in found.items():
        rows = [
            [
                f"{what}, {name}",
                *(f"{percentile(times, percent) * 1000:.0f}" for percent in (50, 95, 99)),
                len(times),
            ]
            for what, pick in PICKS.items()
            for name, seen in sites.items()
            if (times := pick(seen))
        ]
        tables.append(
            Table(f"{uploads} uploads of a {kind}, {way}", ["ms", "p50", "p95", "p99", "count"], rows)
        )
        blocking, offloaded = sites[BLOCKING], sites[OFFLOADED]
        goals += [
            Goal(
                f"{kind}, {way}: upload, p99, offloaded / blocking",
                percentile(offloaded.uploads, 99) / percentile(blocking.uploads, 99),
                UPLOAD_GOAL,
                at_most=True,
            ),
            Goal(
                f"{kind}, {way}: another page, p99, offloaded / idle",
                percentile(offloaded.pages, 99) / percentile(offloaded.idle, 99),
                PAGE_GOAL,
                at_most=True,
            ),
        ]
    (kind, _), at_once = next(iter(found.items()))
    half = "; ".join(
        f"{name}, {percentile(seen.uploads, 50) * 1000:.0f} ms" for name, seen in at_once.items()
    )
    drawn = Plot(
        "visitor-uploads",
        f"The percentage of {kind} uploads that got a response within the given number of milliseconds, with "
        f"{uploads} uploads at once. Median: {half}.",
        plot.steps({name: [s * 1000 for s in seen.uploads] for name, seen in at_once.items()}, "upload, ms"),
    )
    of_sizes = " and ".join(f"a {kind} ({size / 1e6:.1f} MB)" for kind, size in sizes.items())
    return Section(
        "visitor",
        "What the visitor feels",
        "This compares the site of lesson 01, which resizes photos in the request, with the site of lesson "
        "03, which resizes them in a worker with two processes, with and without `nice -n 10`. The server is "
        f"`{GUNICORN}`. {uploads} visitors upload one 12-megapixel photo each. Formats, measured separately: "
        f"{of_sizes}. At the same time, another visitor requests the list of photos every "
        f"{LOOK_EVERY * 1000:.0f} ms, even if the previous response hasn't arrived yet. Rounds: {rounds}, "
        f"each on a fresh site after {WARM} warm-up uploads.",
        tables,
        [drawn],
        goals,
        _remarks(found),
    )


def _remarks(found: dict[tuple[str, str], dict[str, Seen]]) -> list[str]:
    alone = [(kind, sites) for (kind, way), sites in found.items() if way == list(WAYS)[-1]]
    medians = "; ".join(
        f"for a {kind}, {percentile(sites[OFFLOADED].uploads, 50) * 1000:.0f} ms without the resize and "
        f"{percentile(sites[BLOCKING].uploads, 50) * 1000:.0f} ms with it"
        for kind, sites in alone
    )
    return [
        "An upload takes time even without the resize, because the server reads the file from the socket, "
        f"checks it and saves it. Median upload times: {medians}. In lesson 01, resizing a JPEG is already "
        "fast, so the rest of the upload takes a larger share of the time, and a queue can't change that. A "
        "PNG has to be decoded completely, so the resize takes nearly all of the time.",
        f"{UPLOADS} uploads at once keep all cores busy just receiving files, so a request for another page "
        "has to wait its turn. A queue can't change that, but more processes on more cores can. Even with "
        "pauses between the uploads, a page request may arrive while the server is receiving an upload.",
        "The web process and the worker share the cores here, and a worker with a lower priority gets only "
        "the time that the web process leaves. `nice` alone wasn't enough: Linux compares nice values only "
        "within a session (autogroup), and the web process and the worker run in different sessions. So the "
        "benchmark also lowers the priority of the worker's session. On a server, set `CPUWeight=` in the "
        "systemd unit, as the deployment guide shows.",
    ]
