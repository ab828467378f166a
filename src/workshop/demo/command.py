"""`./workshop demo`: run the finished system, and follow real photos through it in the terminal."""

import contextlib
import statistics
from pathlib import Path

from workshop.console import in_bytes, say
from workshop.demo.photos import Photo, new_photos, paint, push, push_one
from workshop.demo.table import Shown
from workshop.photos.samples import PHONE_PHOTO
from workshop.photos.visitor import Visitor
from workshop.runtime.solution_site import Ending, Site, newest

BLOCKING = "01-sync"
UPLOADS = 6
"""Uploads to each of the two sites for the comparison, after one warm-up upload that is not counted."""


def main(exit_when_done: bool) -> int:
    """Run the newest solution, upload every sample, and compare with the site of lesson 01.

    exit_when_done: return once all photos are done: 0, or 1 if a photo ended in an unexpected state.
    Otherwise the site keeps running until Ctrl-C. Returns 130 if Ctrl-C comes earlier. All processes are
    stopped on every exit. Raises WorkshopError if a site does not start or stops responding.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(say, "Stopped. Nothing is left running.")
        ending = Ending(stack)
        try:
            return _run(ending, exit_when_done)
        except KeyboardInterrupt:
            return 130
        finally:
            ending.hold()
            say("\nStopping …")


def _run(ending: Ending, exit_when_done: bool) -> int:
    folder = ending.folder()
    site = ending.started(Site(newest(), folder))
    say(f"Starting the finished system, {site.project.shown}: {', '.join(site.processes)} and a broker.")
    photos = new_photos()
    _show_all(site, photos)
    _print_reasons(photos)
    _compare(site, folder, ending)
    unexpected = [photo for photo in photos if not photo.as_expected]
    for photo in unexpected:
        say(f"{photo.name}: expected the state {photo.sample.outcome}, but got {photo.state}. {photo.why}")
    if exit_when_done:
        return 1 if unexpected else 0
    return _stay(site)


def _show_all(site: Site, photos: list[Photo]) -> None:
    shown = Shown(photos)
    with shown.on_screen():
        for _ in paint(photos):
            shown.update()
        site.wait()
        with Visitor(site.address) as visitor:
            for _ in push(photos, visitor):
                shown.update()


def _print_reasons(photos: list[Photo]) -> None:
    done = {
        state: [photo for photo in photos if photo.state == state]
        for state in ("resized", "refused", "failed")
    }
    before = sum(photo.bytes_before for photo in done["resized"])
    after = sum(photo.bytes_after for photo in done["resized"])
    say(f"\n{len(done['resized'])} resized: from {in_bytes(before)} to {in_bytes(after)} in total.")
    for state, meaning in (("refused", "by the form"), ("failed", "in the worker")):
        say(f"{len(done[state])} {state} {meaning}. The site's messages:")
        for photo in done[state]:
            say(f"  {photo.name}: {photo.why.removeprefix(f'{photo.name}: ')}")


def _compare(site: Site, folder: Path, ending: Ending) -> None:
    """Upload the same large photo to both sites in turn, and print the request times."""
    blocking = ending.started(Site(BLOCKING, folder))
    blocking.wait()
    content = PHONE_PHOTO.content()
    say(
        "\n"
        f"Uploading a 12-megapixel photo ({in_bytes(len(content))}) {UPLOADS} times to each site, in turn. "
        "Each resize finishes before the next upload starts. Request times:"
    )
    seconds: dict[str, list[float]] = {"blocking": [], "offloaded": []}
    with Visitor(blocking.address) as first, Visitor(site.address) as second:
        for turn in range(UPLOADS + 1):
            for name, visitor in (("blocking", first), ("offloaded", second)):
                photo = Photo(PHONE_PHOTO, content=content)
                push_one(visitor, photo)
                if turn:
                    seconds[name].append(photo.request_seconds)
    for name, where in (("blocking", blocking), ("offloaded", site)):
        times = seconds[name]
        say(
            f"  {name:<10}{where.project.lesson.name:<18}median {statistics.median(times) * 1000:4.0f} ms   "
            f"slowest {max(times) * 1000:4.0f} ms"
        )
    ratio = statistics.median(seconds["blocking"]) / statistics.median(seconds["offloaded"])
    say(f"The median blocking request took {ratio:.1f} times as long.")


def _stay(site: Site) -> int:
    say(f"\nThe site keeps running at {site.address} until you press Ctrl-C.")
    said = len(site.news)
    with contextlib.suppress(KeyboardInterrupt):
        while site.stays(0.2):
            for sentence in site.news[said:]:
                say(sentence)
            said = len(site.news)
    return 0
