"""Measure response times of uploads and other pages, with the resize inside and outside the request."""

import json
import shlex
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path

from benchmarks import page_probe
from benchmarks.measuring import rotated
from benchmarks.resize import picture
from benchmarks.section import Cell, Goal, Section, Table
from benchmarks.sites import GUNICORN, behind_gunicorn
from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos.concurrent_uploads import prepared_uploads, send
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import Site, running
from workshop.system.child import Child
from workshop.system.percentiles import percentile
from workshop.system.waiting import until

NICE = "(echo 10 > /proc/self/autogroup) 2> /dev/null; exec nice -n 10"
"""A command prefix that lowers the worker's priority.

With autogroup, Linux applies nice values only within a session, so the prefix also sets the nice value of the
session itself.
"""
BLOCKING, NORMAL, OFFLOADED = "blocking", "offloaded", "offloaded, low-priority worker"
RECEIVED = "only received and saved"
"""The site that the goals compare OFFLOADED with. No queue can make an upload faster than on this site."""
SITES = {
    BLOCKING: ("01-sync", ""),
    NORMAL: ("03-images", ""),
    OFFLOADED: ("03-images", NICE),
    RECEIVED: ("03-images", ""),
}
"""The solution of each site, and the prefix that lowers its worker's priority (or an empty string)."""
GUNICORN_UPLOAD_ONLY = GUNICORN.replace(
    "myproject.wsgi",
    f"upload_only_wsgi:application --pythonpath {shlex.quote(str(Path(__file__).with_name('upload_only')))}",
)
"""The command that starts the server of the site RECEIVED, which sends no message after an upload."""
UPLOADS = 20
WARM = 9
"""The number of warm-up uploads: enough for each gunicorn process to handle one and connect to the broker."""
WAYS = {"all at once": (0.0, 2), "one every 0.3 s": (0.3, 1)}
"""For each way to upload the photos, the seconds between two uploads and the number of repetitions per round.

Uploads that arrive all at once are finished so quickly that the other visitor requests only a few pages in
the meantime. So this way of uploading is repeated.
"""
ROUNDS = 4
KINDS, SIZE = ("JPEG", "PNG"), (4000, 3000)
UPLOAD_GOAL, PAGE_GOAL = 1.15, 1.2
FORMER_UPLOAD_GOAL, FORMER_PAGE_GOAL = 0.2, 1.5
"""The limits of two earlier goals.

One goal compared an upload with an upload to the blocking site. The other goal compared another page during
the uploads with the same page on an idle server.
"""
UPLOAD, READY = "upload", "until the photo is ready"
IDLE, DURING, AFTER = (
    f"another page, {when}" for when in ("idle", "during the uploads", "after the uploads")
)
TIMES = (UPLOAD, IDLE, DURING, AFTER, READY)
"""The labels of the measured times in the tables.

IDLE, DURING and AFTER are the other visitor's requests. A request in IDLE was due before the uploads, and a
request in DURING was due during the uploads. A request in AFTER was due after the uploads, but before all
photos were resized.
"""
PROBES_BEFORE = 20
"""The number of requests that the other visitor makes before the uploads start."""
PROBE_SECONDS = 0.05
"""Seconds between two requests by the other visitor."""
PATIENCE = 120.0
Times = dict[str, list[float]]
"""The measured times in seconds, by the labels in TIMES."""
REMARKS = [
    "An upload takes time even without the resize, because the server has to read the file from the socket, "
    "check it and save it. A queue can't shorten that part. A JPEG is decoded at a reduced size, so its "
    "resize is short, and the rest of the upload takes a larger share of the time. A PNG has to be decoded "
    "completely, so resizing it takes longer.",
    "In this benchmark, the web process and the worker share the cores. A worker with a lower priority gets "
    "only the time that the web process doesn't use. `nice` alone isn't enough: Linux compares nice values "
    "only within a session (autogroup), and the web process and the worker run in different sessions. So the "
    "benchmark also lowers the priority of the worker's session. On a server, set `CPUWeight=` in the "
    "systemd unit, as the [deployment guide](../guides/deploy.md#unit-lines) shows, or `cpu_shares` in "
    "Docker Compose.",
]


def measure(quick: bool) -> Section:
    """Upload photos to each site in turn, both all at once and with pauses."""
    rounds, uploads, warm, probes = (1, 4, 1, 10) if quick else (ROUNDS, UPLOADS, WARM, PROBES_BEFORE)
    photos = {kind: picture(kind, *SIZE) for kind in (KINDS[:1] if quick else KINDS)}
    times = {
        (kind, way): {name: {what: [] for what in TIMES} for name in SITES} for kind in photos for way in WAYS
    }
    batches = [way for way, (_, repeats) in WAYS.items() for _ in range(repeats)]
    for turn in range(rounds):
        for kind, photo in photos.items():
            for name in rotated(list(SITES), turn):
                is_resized = name != RECEIVED
                with _running(name) as site:
                    _warm_up(site, photo, warm, is_resized)
                    for batch, way in enumerate(batches):
                        names = [f"{batch}-{number:02}" for number in range(uploads)]
                        interval = WAYS[way][0]
                        _upload(site, photo, names, interval, probes, times[kind, way][name], is_resized)
    return _section(times, rounds, uploads, {kind: len(photo) for kind, photo in photos.items()})


def _running(name: str) -> AbstractContextManager[Site]:
    """Run the site `name`, which is one of SITES."""
    solution, before_worker = SITES[name]
    if name == RECEIVED:
        return running(solution, {"worker"}, {"web": GUNICORN_UPLOAD_ONLY})
    return behind_gunicorn(solution, before_worker=before_worker)


def _warm_up(site: Site, photo: bytes, uploads: int, is_resized: bool) -> None:
    """Upload photos over separate connections, so that every gunicorn process is likely to handle one."""
    for _ in range(uploads):
        with Visitor(site.address) as visitor:
            visitor.upload("warm.jpg", photo).raise_for_refusal()
    if is_resized:
        _ready_times(site, ["warm"], threading.Event())


def _upload(
    site: Site, photo: bytes, names: list[str], interval: float, probes: int, times: Times, is_resized: bool
) -> None:
    """Upload photos while another visitor requests the list of photos.

    Args:
        site: The running site.
        photo: The photo to upload.
        names: A four-character name for each upload. Names differ between the batches that a site receives.
        interval: Seconds between two uploads.
        probes: The number of requests that the other visitor makes before the uploads start.
        times: The dictionary to which the measured times are added.
        is_resized: Whether the site resizes the photos. If so, the function waits until the photos are ready.
    """
    files = [f"{name}.jpg" for name in names]
    over = threading.Event()
    # page_probe.py runs in a separate process, because the uploading threads would delay it in this process.
    command = [sys.executable, "-P", page_probe.__file__, site.address, str(PROBE_SECONDS), str(probes)]
    environment = site.environment | {"PYTHONPATH": str(paths.SOURCES)}
    with Child(command, environment=environment, leash=True) as probe:
        printed = probe.lines()
        times[IDLE] += [seconds for _, seconds in json.loads(next(printed, "[]"))]
        with (
            prepared_uploads(site.address, files, photo) as uploads,
            ThreadPoolExecutor(1) as thread,
        ):
            start = time.time()
            watching = thread.submit(_ready_times, site, names, over)
            try:
                answers = [answer.raise_for_refusal() for answer in send(uploads, interval)]
                end = time.time()
                if not is_resized:
                    over.set()
                ready = watching.result(PATIENCE)
            finally:
                over.set()
        probe.terminate()  # closes the standard input of page_probe.py, which then prints its later requests
        for due, seconds in json.loads(next(printed, "[]")):
            if due >= start:
                times[DURING if due < end else AFTER].append(seconds)
    times[UPLOAD] += [answer.seconds for answer in answers]
    times[READY] += [ready[answer.name] - answer.started for answer in answers if answer.name in ready]


def _ready_times(site: Site, names: list[str], over: threading.Event) -> dict[str, float]:
    """Wait until the photos are resized, or until `over` is set.

    Args:
        site: The running site.
        names: The first four characters of the file names.
        over: An event that ends the wait early.

    Returns:
        The time at which each photo was ready, in seconds since 1970, by the name of the uploaded file.

    Raises:
        WorkshopError: If some photos are still not resized after PATIENCE seconds.
    """
    ready: dict[str, float] = {}
    query = "SELECT substr(image, 9, 4) AS name, min(is_processed) FROM images_uploadedimage GROUP BY name"
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as database:

        def is_over() -> bool:
            for name, is_processed in database.execute(query).fetchall():  # NAME in uploads/NAME.jpg
                if is_processed and name in names:
                    ready.setdefault(f"{name}.jpg", time.time())
            return over.is_set() or len(ready) == len(names)

        if not until(is_over, PATIENCE, longest_pause=0.02):
            raise WorkshopError(f"{len(names) - len(ready)} of {len(names)} photos were not resized.")
    return ready


def _section(
    times: dict[tuple[str, str], dict[str, Times]], rounds: int, uploads: int, sizes: dict[str, int]
) -> Section:
    tables, goals, replaced = [], [], []
    for (kind, way), sites in times.items():
        tables.append(_table(f"{uploads} uploads of a {kind}, {way}", sites))
        goals += _goals(f"{kind}, {way}", sites)
        replaced += _replaced_goals(f"{kind}, {way}", sites)
    formats = " and ".join(f"a {kind} ({size / 1e6:.1f} MB)" for kind, size in sizes.items())
    return Section(
        "visitor",
        "What the visitor feels",
        "The site of lesson 01 resizes photos in the request. The site of lesson 03 resizes them in a worker "
        "with two processes, and is measured both with and without a lower priority for the worker. Both "
        "sites are compared with a site that only receives and saves an upload: lesson 03 without a worker "
        f"and without messages. The server is `{GUNICORN}`. The formats are measured separately: {formats}. "
        f"{uploads} visitors upload one 12-megapixel photo each. At the same time, another visitor requests "
        f"the list of photos every {PROBE_SECONDS * 1000:.0f} ms, even if the previous response hasn't "
        f"arrived yet. Each of the {rounds} rounds runs on fresh sites, after {WARM} warm-up uploads. If "
        "there are fewer than 100 values, their 99th percentile is the largest value.",
        tables,
        goals=goals,
        remarks=REMARKS,
        replaced=replaced,
    )


def _table(title: str, sites: dict[str, Times]) -> Table:
    rows: list[list[Cell]] = []
    for what in TIMES:
        for name, times in sites.items():
            if seconds := times[what]:
                percentiles = [f"{percentile(seconds, percent) * 1000:.0f}" for percent in (50, 95, 99)]
                rows.append([f"{what}, {name}", *percentiles, len(seconds)])
    return Table(title, ["ms", "p50", "p95", "p99", "count"], rows)


def _goals(situation: str, sites: dict[str, Times]) -> list[Goal]:
    """Compare the response times with those of a site that doesn't resize photos."""
    ours, floor = sites[OFFLOADED], sites[RECEIVED]
    return [
        _p99_goal(situation, "an upload", ours[UPLOAD], f"“{RECEIVED}”", floor[UPLOAD], UPLOAD_GOAL),
        _p99_goal(situation, "another page", ours[DURING], f"“{RECEIVED}”", floor[DURING], PAGE_GOAL),
    ]


def _replaced_goals(situation: str, sites: dict[str, Times]) -> list[Goal]:
    ours, blocking = sites[OFFLOADED], sites[BLOCKING]
    return [
        _p99_goal(
            situation, "an upload", ours[UPLOAD], "the blocking site", blocking[UPLOAD], FORMER_UPLOAD_GOAL
        ),
        _p99_goal(situation, "another page", ours[DURING], "an idle server", ours[IDLE], FORMER_PAGE_GOAL),
    ]


def _p99_goal(
    situation: str, what: str, ours: list[float], other: str, others: list[float], limit: float
) -> Goal:
    ratio = percentile(ours, 99) / percentile(others, 99)
    label = f"{situation}: p99 of {what}, offloaded (low-priority worker) compared with {other}"
    return Goal(label, ratio, limit, at_most=True)
