"""The `demo` command: run the finished system, upload the sample photos, and show their progress."""

import contextlib
import statistics
from pathlib import Path

from workshop.console import in_bytes, say
from workshop.demo.photos import Photo, paint, upload
from workshop.demo.table import ProgressDisplay
from workshop.photos.samples import PHONE_PHOTO, SAMPLES
from workshop.photos.visitor import Visitor
from workshop.runtime.site_stack import SiteStack
from workshop.runtime.solution_site import Site, newest
from workshop.system.signals import INTERRUPTED

BLOCKING = "01-sync"
UPLOADS = 6
"""The number of uploads to each of the two sites in the comparison, not counting the warm-up upload."""


def main(exit_when_done: bool) -> int:
    """Run the newest solution, upload every sample, and compare the site with the site from lesson 01.

    All processes are stopped before the function returns.

    Args:
        exit_when_done: Whether to return when the comparison is finished. If False, the site keeps running
            until Ctrl-C is pressed.

    Returns:
        The exit code: 1 if a photo ended up in an unexpected state and `exit_when_done` is True, 130 if
        Ctrl-C was pressed before the comparison was finished, otherwise 0.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(say, "Stopped. Nothing is left running.")
        sites = SiteStack(stack)
        try:
            return _run(sites, exit_when_done)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            sites.hold_signals()
            say("\nStopping …")


def _run(sites: SiteStack, exit_when_done: bool) -> int:
    folder = sites.folder()
    site = sites.start(Site(newest(), folder))
    say(f"Starting the finished system, {site.project.shown}: {', '.join(site.processes)} and a broker.")
    photos = [Photo(sample) for sample in SAMPLES]
    _upload_all(site, photos)
    _print_results(photos)
    _compare(site, folder, sites)
    unexpected = [photo for photo in photos if not photo.as_expected]
    for photo in unexpected:
        say(f"{photo.name}: expected the state {photo.sample.outcome}, but got {photo.state}. {photo.why}")
    if exit_when_done:
        return 1 if unexpected else 0
    return _keep_running(site)


def _upload_all(site: Site, photos: list[Photo]) -> None:
    display = ProgressDisplay(photos)
    with display.on_screen():
        paint(photos, display.update)
        site.wait()
        with Visitor(site.address) as visitor:
            upload(photos, visitor, display.update)


def _print_results(photos: list[Photo]) -> None:
    resized, refused, failed = (
        [photo for photo in photos if photo.state == state] for state in ("resized", "refused", "failed")
    )
    before = sum(photo.bytes_before for photo in resized)
    after = sum(photo.bytes_after for photo in resized)
    say(f"\n{len(resized)} resized: from {in_bytes(before)} to {in_bytes(after)} in total.")
    for rejected, what in ((refused, "refused by the form"), (failed, "failed in the worker")):
        say(f"{len(rejected)} {what}. The site's messages:")
        for photo in rejected:
            say(f"  {photo.name}: {photo.why.removeprefix(f'{photo.name}: ')}")


def _compare(site: Site, folder: Path, sites: SiteStack) -> None:
    """Upload the same large photo to both sites alternately, and print the request times."""
    blocking = sites.start(Site(BLOCKING, folder))
    blocking.wait()
    content = PHONE_PHOTO.content()
    say(
        "\n"
        f"Uploading a 12-megapixel photo ({in_bytes(len(content))}) {UPLOADS} times to each site, in turn. "
        "Each resize finishes before the next upload starts. Request times:"
    )
    sites = {"blocking": blocking, "offloaded": site}
    seconds: dict[str, list[float]] = {name: [] for name in sites}
    with contextlib.ExitStack() as stack:
        visitors = {name: stack.enter_context(Visitor(where.address)) for name, where in sites.items()}
        for _ in range(UPLOADS + 1):
            for name, visitor in visitors.items():
                photo = Photo(PHONE_PHOTO, content=content)
                upload([photo], visitor)
                seconds[name].append(photo.request_seconds)
    medians = {}
    for name, where in sites.items():
        counted = seconds[name][1:]  # without the warm-up
        medians[name] = statistics.median(counted)
        say(
            f"  {name:<10}{where.project.lesson.name:<18}median {medians[name] * 1000:4.0f} ms   "
            f"slowest {max(counted) * 1000:4.0f} ms"
        )
    ratio = medians["blocking"] / medians["offloaded"]
    say(f"The median blocking request took {ratio:.1f} times as long as the offloaded one.")


def _keep_running(site: Site) -> int:
    say(f"\nThe site keeps running at {site.address} until you press Ctrl-C.")
    printed = len(site.news)
    with contextlib.suppress(KeyboardInterrupt):
        while site.stays(0.2):
            for sentence in site.news[printed:]:
                say(sentence)
            printed = len(site.news)
    return 0
