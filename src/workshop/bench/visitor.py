"""What the visitor feels: uploads and other pages, with the resize inside the request and outside of it."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path

from workshop import samples
from workshop.demo_site import Site, running
from workshop.errors import WorkshopError
from workshop.figures import Goal
from workshop.visitor import Visitor

from . import plot
from .section import Plot, Section, Table
from .statistic import percentile

SITES = {"blocking": "01-sync", "offloaded": "03-images"}
GUNICORN = "gunicorn myproject.wsgi --bind 127.0.0.1:$PORT --workers 3 --threads 2"
UPLOADS = 20
WAYS = {"all at once": 0.0, "one each half second": 0.5}
"""Seconds between two uploads, by name."""
IDLE_LOOKS = 60
LOOK_EVERY = 0.05
"""Seconds between two looks of the other visitor at a page."""
PATIENCE = 120.0


@dataclass
class Seen:
    """Seconds: uploads, another visitor's pages before and meanwhile, and until the photos were ready."""

    uploads: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)


PICKS: dict[str, Callable[[Seen], list[float]]] = {
    "upload": lambda seen: seen.uploads,
    "another page, idle": lambda seen: seen.idle,
    "another page, meanwhile": lambda seen: seen.pages,
    "until the photo is ready": lambda seen: seen.ready,
}


def measure(quick: bool) -> Section:
    """Upload at once, and one after the other, to both sites in turn.

    Raises WorkshopError when a photo is lost.
    """
    rounds, uploads = (1, 4) if quick else (5, UPLOADS)
    photo = samples.photo(4032, 3024)
    found = {way: {name: Seen() for name in SITES} for way in WAYS}
    for turn in range(rounds):
        for way, apart in WAYS.items():
            for name in list(SITES)[:: 1 if turn % 2 == 0 else -1]:
                with behind_gunicorn(SITES[name]) as site:
                    _round(site, photo, uploads, apart, found[way][name])
    return _section(found, rounds, uploads, len(photo))


def behind_gunicorn(solution: str, without: Collection[str] = ()) -> AbstractContextManager[Site]:
    """A solution with a server that is made for load, alone on the machine, with data of its own."""
    return running(solution, without, {"web": GUNICORN})


def _round(site: Site, photo: bytes, uploads: int, apart: float, seen: Seen) -> None:
    """`uploads` uploads, one each `apart` seconds, while another visitor looks at the list of photos."""
    over, began = threading.Event(), {}
    with Visitor(site.address) as looking, contextlib.ExitStack() as stack:
        for _ in range(10):
            looking.get()
        _look(looking, IDLE_LOOKS, seen.idle)
        visitors = [stack.enter_context(Visitor(site.address)) for _ in range(uploads)]
        for visitor in visitors:
            visitor.open_form()

        def upload(number: int) -> None:
            time.sleep(number * apart)
            began[name := f"p{number:03}"] = time.time()
            answer = visitors[number].upload(f"{name}.jpg", photo)
            if answer.refusal:
                raise WorkshopError(f"The site did not take a photo: {answer.refusal}")
            seen.uploads.append(answer.seconds)

        with ThreadPoolExecutor(uploads + 2) as threads:
            watching = threads.submit(_watch, site, uploads, over)
            other = threads.submit(_look_until, looking, over, seen.pages)
            try:
                list(threads.map(upload, range(uploads)))
                ready = watching.result(PATIENCE)
            finally:
                over.set()
            other.result()
    seen.ready += [ready[name] - began[name] for name in began]


def _watch(site: Site, uploads: int, over: threading.Event) -> dict[str, float]:
    """When each photo was ready, by the beginning of its name. Raises WorkshopError when one never is."""
    ready: dict[str, float] = {}
    deadline = time.monotonic() + PATIENCE
    with closing(sqlite3.connect(site.data / "db.sqlite3", timeout=20)) as database:
        while len(ready) < uploads and not over.is_set():
            for (image,) in database.execute("SELECT image FROM images_uploadedimage WHERE is_processed"):
                ready.setdefault(Path(image).name[:4], time.time())
            if time.monotonic() > deadline:
                raise WorkshopError(f"{uploads - len(ready)} of {uploads} photos were not resized.")
            time.sleep(0.02)
    return ready


def _look(visitor: Visitor, count: int, into: list[float]) -> None:
    for _ in range(count):
        into.append(visitor.get()[0])
        time.sleep(LOOK_EVERY)


def _look_until(visitor: Visitor, over: threading.Event, into: list[float]) -> None:
    while not over.wait(LOOK_EVERY):
        into.append(visitor.get()[0])


def _section(found: dict[str, dict[str, Seen]], rounds: int, uploads: int, size: int) -> Section:
    tables, goals = [], []
    for way, sites in found.items():
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
        tables.append(Table(f"{uploads} uploads, {way}", ["ms", "p50", "p95", "p99", "count"], rows))
        blocking, offloaded = sites["blocking"], sites["offloaded"]
        goals += [
            Goal(
                f"{way}: upload, p99, offloaded / blocking",
                percentile(offloaded.uploads, 99) / percentile(blocking.uploads, 99),
                0.2,
                at_most=True,
            ),
            Goal(
                f"{way}: another page, p99, offloaded / idle",
                percentile(offloaded.pages, 99) / percentile(offloaded.idle, 99),
                1.5,
                at_most=True,
            ),
        ]
    at_once = next(iter(found.values()))
    drawn = Plot(
        "visitor-uploads",
        f"How many of a hundred uploads were answered within so many milliseconds, {uploads} at once: the "
        "blocking site answers later by the time of a resize, and of all that are before it.",
        plot.steps({name: [s * 1000 for s in seen.uploads] for name, seen in at_once.items()}, "upload, ms"),
    )
    return Section(
        "visitor",
        "What the visitor feels",
        "The sites of lesson 01 (resize in the request) and 03 (resize in a worker with two processes), both "
        f"behind `{GUNICORN}`. {uploads} visitors upload a photo of 12 megapixels ({size / 1e6:.1f} MB) "
        f"each, while another one looks at the list of photos every {LOOK_EVERY * 1000:.0f} ms. {rounds} "
        "rounds, each on a fresh site.",
        tables,
        [drawn],
        goals,
    )
