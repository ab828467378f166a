"""Measure response times of uploads and other pages, with the resize inside and outside the request."""

import contextlib
import json
import shlex
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path

from honcho.environ import parse_procfile

from benchmarks import page_probe
from benchmarks.measuring import Goal
from benchmarks.resize import picture
from benchmarks.section import Section, Table
from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos import load
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import Site, running
from workshop.system.child import Child
from workshop.system.percentiles import percentile

NICE = "(echo 10 > /proc/self/autogroup) 2> /dev/null; exec nice -n 10"
"""With autogroup, Linux applies nice only within a session. The file sets the session's own nice value."""
BLOCKING, NORMAL, OFFLOADED = "blocking", "offloaded", "offloaded, nice worker"
RECEIVED = "only received and saved"
"""The floor: no queue can make an upload faster. The goals compare it with OFFLOADED."""
SITES = {
    BLOCKING: ("01-sync", ""),
    NORMAL: ("03-images", ""),
    OFFLOADED: ("03-images", NICE),
    RECEIVED: ("03-images", ""),
}
"""The solution, and the command prefix that lowers its worker's priority, by name."""
GUNICORN = "gunicorn myproject.wsgi --bind 127.0.0.1:$PORT --workers 3 --threads 2"
RECEIVING = GUNICORN.replace(
    "myproject.wsgi",
    f"received:application --pythonpath {shlex.quote(str(Path(__file__).with_name('received')))}",
)
"""The server of the floor: it sends no message."""
UPLOADS = 20
WARM = 9
"""Warm-up uploads, enough for each of gunicorn's processes to handle one and connect to the broker."""
WAYS = {"all at once": (0.0, 2), "one every 0.3 s": (0.3, 1)}
"""Seconds between two uploads, and how often a site gets these uploads in a round, by name.

Uploads that arrive all at once are over so soon that another visitor requests few pages in the meantime.
"""
ROUNDS = 4
KINDS, SIZE = ("JPEG", "PNG"), (4000, 3000)
UPLOAD_GOAL, PAGE_GOAL = 1.15, 1.2
FORMER_UPLOAD_GOAL, FORMER_PAGE_GOAL = 0.2, 1.5
"""Earlier goals: an upload compared with a blocking one, and another page compared with an idle server."""
IDLE_LOOKS = 20
LOOK_EVERY = 0.05
"""Seconds between two requests of the other visitor."""
PATIENCE = 120.0


@dataclass
class Seen:
    """Seconds: uploads, another visitor's pages, and until photos were ready.

    The pages were due before the uploads (idle), during the uploads (pages), or later, until all photos were
    resized (later).
    """

    uploads: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)


PICKS: dict[str, Callable[[Seen], list[float]]] = {
    "upload": lambda seen: seen.uploads,
    "another page, idle": lambda seen: seen.idle,
    "another page, during the uploads": lambda seen: seen.pages,
    "another page, after the uploads": lambda seen: seen.later,
    "until the photo is ready": lambda seen: seen.ready,
}


def measure(quick: bool) -> Section:
    """Upload photos all at once and with pauses, to all sites in turn.

    Raises:
        WorkshopError: A photo is lost.
    """
    rounds, uploads, warm, idle = (1, 4, 1, 10) if quick else (ROUNDS, UPLOADS, WARM, IDLE_LOOKS)
    photos = {kind: picture(kind, *SIZE) for kind in (KINDS[:1] if quick else KINDS)}
    found = {(kind, way): {name: Seen() for name in SITES} for kind in photos for way in WAYS}
    for turn in range(rounds):
        for kind, photo in photos.items():
            for name in list(SITES)[:: 1 if turn % 2 == 0 else -1]:
                with _served(name) as site:
                    _warm_up(site, photo, warm, name != RECEIVED)
                    batches = [(way, apart) for way, (apart, times) in WAYS.items() for _ in range(times)]
                    for batch, (way, apart) in enumerate(batches):
                        names = [f"{batch}-{number:02}" for number in range(uploads)]
                        _round(site, photo, names, apart, idle, found[kind, way][name], name != RECEIVED)
    return _section(found, rounds, uploads, {kind: len(photo) for kind, photo in photos.items()})


def _served(name: str) -> AbstractContextManager[Site]:
    """Run one of SITES."""
    solution, before = SITES[name]
    if name == RECEIVED:
        return running(solution, {"worker"}, {"web": RECEIVING})
    return behind_gunicorn(solution, before_worker=before)


def behind_gunicorn(
    solution: str, without: Collection[str] = (), before_worker: str = ""
) -> AbstractContextManager[Site]:
    """Run a solution with a production server and its own data.

    Args:
        solution: The solution's name, such as "03-images".
        without: Processes to leave out.
        before_worker: A prefix for the worker's command.
    """
    commands = {"web": GUNICORN}
    if before_worker:
        procfile = (paths.SOLUTIONS / solution / "Procfile").read_text(encoding="utf-8")
        commands["worker"] = f"{before_worker} {parse_procfile(procfile).processes['worker']}"
    return running(solution, without, commands)


def _warm_up(site: Site, photo: bytes, uploads: int, resized: bool) -> None:
    """Upload photos over separate connections, which any process may accept.

    resized: whether the site resizes the photos, so that this waits until they are ready.
    """
    for _ in range(uploads):
        with Visitor(site.address) as visitor:
            visitor.upload("warm.jpg", photo).raise_for_refusal()
    if resized:
        _watch(site, ["warm"], threading.Event())


def _round(
    site: Site, photo: bytes, names: list[str], apart: float, idle: int, seen: Seen, resized: bool
) -> None:
    """Upload photos, while another visitor requests the list of photos.

    Args:
        site: The running site.
        photo: What is uploaded.
        names: Four characters for each upload, new ones for each round of a site.
        apart: Seconds between two uploads.
        idle: How many requests the other visitor makes before the uploads start.
        seen: Where to add the measured times.
        resized: Whether the site resizes the photos, so that the round ends only when they are ready.

    Raises:
        WorkshopError: The site rejected a photo, or a photo was not resized.
    """
    over = threading.Event()
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(_another_visitor(site, idle))
        printed = other.lines()
        seen.idle += [seconds for _, seconds in json.loads(next(printed, "[]"))]
        files = [f"{name}.jpg" for name in names]
        uploads = stack.enter_context(load.prepared_uploads(site.address, files, photo))
        thread = stack.enter_context(ThreadPoolExecutor(1))
        stack.callback(over.set)  # before waiting for the thread
        started = time.time()
        watching = thread.submit(_watch, site, names, over)
        answers = [answer.raise_for_refusal() for answer in load.send(uploads, apart)]
        ended = time.time()
        if not resized:
            over.set()
        ready = watching.result(PATIENCE)
        other.terminate()  # closes its standard input, so it prints its later requests
        for due, seconds in json.loads(next(printed, "[]")):
            if due >= started:
                (seen.pages if due < ended else seen.later).append(seconds)
    seen.uploads += [answer.seconds for answer in answers]
    sent = {Path(answer.name).stem: answer.started for answer in answers}
    seen.ready += [moment - sent[name] for name, moment in ready.items()]


@contextlib.contextmanager
def _another_visitor(site: Site, idle: int) -> Iterator[Child]:
    """Run page_probe.py in a separate process. In this process, it would wait for the uploading threads."""
    command = [sys.executable, "-P", page_probe.__file__, site.address, str(LOOK_EVERY), str(idle)]
    environment = site.environment | {"PYTHONPATH": str(paths.SOURCES)}
    with Child(command, environment=environment, leash=True) as child:
        yield child


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
    tables, goals, replaced = [], [], []
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
        goals += _goals(f"{kind}, {way}", sites)
        replaced += _replaced(f"{kind}, {way}", sites)
    of_sizes = " and ".join(f"a {kind} ({size / 1e6:.1f} MB)" for kind, size in sizes.items())
    return Section(
        "visitor",
        "What the visitor feels",
        "This compares the site of lesson 01, which resizes photos in the request, with the site of lesson "
        "03, which resizes them in a worker with two processes, with and without a lower priority for the "
        "worker. The floor is the site of lesson 03 without a worker and without messages, where an upload "
        f"is only received and saved. The server is `{GUNICORN}`. {uploads} visitors upload one 12-megapixel "
        f"photo each. Formats, measured separately: {of_sizes}. At the same time, another visitor requests "
        f"the list of photos every {LOOK_EVERY * 1000:.0f} ms, even if the previous response hasn't arrived "
        f"yet. Rounds: {rounds}, each on fresh sites after {WARM} warm-up uploads. The 99th percentile of "
        "fewer than 100 values is the largest one.",
        tables,
        goals=goals,
        remarks=REMARKS,
        replaced=replaced,
    )


def _goals(situation: str, sites: dict[str, Seen]) -> list[Goal]:
    """An upload and another page, compared with the same server without a resize."""
    offloaded, floor = sites[OFFLOADED], sites[RECEIVED]
    return [
        _p99(f"{situation}: upload", "offloaded", offloaded.uploads, RECEIVED, floor.uploads, UPLOAD_GOAL),
        _p99(f"{situation}: another page", "offloaded", offloaded.pages, RECEIVED, floor.pages, PAGE_GOAL),
    ]


def _replaced(situation: str, sites: dict[str, Seen]) -> list[Goal]:
    blocking, offloaded = sites[BLOCKING], sites[OFFLOADED]
    upload = f"{situation}: upload"
    return [
        _p99(upload, "offloaded", offloaded.uploads, BLOCKING, blocking.uploads, FORMER_UPLOAD_GOAL),
        _p99(
            f"{situation}: another page",
            "offloaded",
            offloaded.pages,
            "idle",
            offloaded.idle,
            FORMER_PAGE_GOAL,
        ),
    ]


def _p99(what: str, one: str, times: list[float], other: str, other_times: list[float], limit: float) -> Goal:
    ratio = percentile(times, 99) / percentile(other_times, 99)
    return Goal(f"{what}, p99, {one} / {other}", ratio, limit, at_most=True)


REMARKS = [
    "An upload takes time even without the resize, because the server reads the file from the socket, checks "
    "it and saves it. A queue can't shorten that part. A JPEG is decoded at a reduced size, so its resize is "
    "short, and the rest of the upload takes a larger share of the time. A PNG has to be decoded completely.",
    "The web process and the worker share the cores here, and a worker with a lower priority gets only the "
    "time that the web process leaves. `nice` alone isn't enough: Linux compares nice values only within a "
    "session (autogroup), and the web process and the worker run in different sessions. So the benchmark "
    "also lowers the priority of the worker's session. On a server, set `CPUWeight=` in the systemd unit, as "
    "the [deployment guide](../guides/deploy.md#unit-lines) shows, or `cpu_shares` in Docker Compose.",
]
