"""Measure the duration of a strict build of the docs site and the size of its home page (`dev site`)."""

import gzip
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.measuring import machine
from benchmarks.section import Goal
from workshop.console import say
from workshop.docsite import browser, site
from workshop.docsite.static_server import serving
from workshop.errors import WorkshopError
from workshop.system.percentiles import spread

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

ROUNDS = 3
BUILD_SECONDS = 15.0
HOME_KILOBYTES = 500.0
COMPRESSED = {".webp", ".png"}
"""The extensions of files that servers don't gzip, because the files are already compressed."""


def main() -> int:
    """Take the measurements, print the results, and return the exit code, which is 1 if a goal is missed."""
    say(machine())
    goals = measure()
    for goal in goals:
        say(f"  {goal}")
    return 0 if all(goal.is_met for goal in goals) else 1


def measure() -> list[Goal]:
    """Build the site, open its home page in a browser, print the results, and return the goals."""
    with tempfile.TemporaryDirectory(prefix="workshop-site-") as folder:
        seconds = [_build(Path(folder)) for _ in range(ROUNDS)]
        with browser.opened() as chromium:
            sizes = first_visit(Path(folder), chromium)
    say(f"  the strict build: {spread(seconds)} s")
    kilobytes = sum(sizes.values()) / 1000
    say(f"  the home page: {len(sizes)} responses, {kilobytes:.0f} kB. The largest responses:")
    for path, size in sorted(sizes.items(), key=lambda answer: -answer[1])[:5]:
        say(f"    {size / 1000:6.1f} kB  {path}")
    return [
        Goal("the strict build", statistics.median(seconds), BUILD_SECONDS, at_most=True, unit="s"),
        Goal("download size of the home page", kilobytes, HOME_KILOBYTES, at_most=True, unit="kB"),
    ]


def first_visit(folder: Path, chromium: "Browser") -> dict[str, int]:
    """Open the home page as a first-time visitor would, and scroll through it.

    Args:
        folder: The folder of the built site.
        chromium: A browser with an empty cache.

    Returns:
        The size of each response in bytes, by path. The size includes the headers, and text is counted in its
        gzipped form. The search index is one of the responses.
    """
    requests: list[Request] = []
    with serving(folder) as address:
        page = chromium.new_page()
        page.on("requestfinished", lambda request: requests.append(request))
        page.goto(f"{address}/", wait_until="networkidle")
        for picture in page.locator("article img:visible").all():
            picture.scroll_into_view_if_needed()
        page.wait_for_load_state("networkidle")
        headers = {urlsplit(request.url).path: request.sizes()["responseHeadersSize"] for request in requests}
        page.close()
    return {path: count + _size(folder / path.lstrip("/")) for path, count in headers.items()}


def _size(file: Path) -> int:
    content = (file / "index.html" if file.is_dir() else file).read_bytes()
    return len(content if file.suffix in COMPRESSED else gzip.compress(content, 6))


def _build(target: Path) -> float:
    start = time.perf_counter()
    if site.make(target):
        raise WorkshopError(
            "The site could not be built, so there is nothing to measure. See the errors above."
        )
    return time.perf_counter() - start
