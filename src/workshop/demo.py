"""`./workshop demo`: the finished system, with real photos going through it, live in the terminal."""

import contextlib
import statistics
from pathlib import Path

from .console import in_bytes, say
from .demo_photos import Photo, new_photos, paint, push, push_one
from .demo_site import Ending, Site, newest
from .demo_table import Shown
from .samples import PHONE_PHOTO
from .visitor import Visitor

BLOCKING = "01-sync"
UPLOADS = 6
"""To each of the two sites, for the comparison; one more to each is not counted."""


def main(exit_when_done: bool) -> int:
    """Run the newest solution, upload every sample, and compare with the site of lesson 01.

    With `exit_when_done` returns when all is through: 0, or 1 when a photo did not end as it should. Without,
    the site stays until Ctrl-C. Whatever happens, nothing is left running. Returns 130 after a Ctrl-C before
    the end. Raises WorkshopError when a site does not start or goes away.
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
    say(f"The finished system is {site.project.shown}: {', '.join(site.processes)} and a broker.")
    photos = new_photos()
    _show_all(site, photos)
    _print_reasons(photos)
    _compare(site, folder, ending)
    unexpected = [photo for photo in photos if not photo.as_expected]
    for photo in unexpected:
        say(f"{photo.name} should have been {photo.sample.outcome}, but is {photo.state}. {photo.why}")
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
    say(f"\n{len(done['resized'])} resized: {in_bytes(before)} became {in_bytes(after)}.")
    for state, meaning in (("refused", "by the form"), ("failed", "in the worker")):
        say(f"{len(done[state])} {state} {meaning}, in the site's own words:")
        for photo in done[state]:
            say(f"  {photo.name}: {photo.why.removeprefix(f'{photo.name}: ')}")


def _compare(site: Site, folder: Path, ending: Ending) -> None:
    """Upload the same large photo to both sites in turn, and print how long the requests took."""
    blocking = ending.started(Site(BLOCKING, folder))
    blocking.wait()
    content = PHONE_PHOTO.content()
    say(
        "\n"
        f"{UPLOADS} uploads of a photo of 12 megapixels ({in_bytes(len(content))}) to each site, in turn. "
        "Each resize finishes before the next one starts. The requests took:"
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
    say(f"The blocking request took {ratio:.1f} times as long.")


def _stay(site: Site) -> int:
    say(f"\nThe site keeps running at {site.address} · stop: Ctrl-C")
    said = len(site.news)
    with contextlib.suppress(KeyboardInterrupt):
        while site.stays(0.2):
            for sentence in site.news[said:]:
                say(sentence)
            said = len(site.news)
    return 0
