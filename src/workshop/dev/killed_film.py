"""The film of the app: a process is killed while it resizes a photo, so another process takes over."""

import os
import re
import signal
import textwrap
from collections.abc import Iterator
from urllib.parse import urljoin

from celery import Celery

from workshop.dev.film import SCALE, SCHEMES, Moment
from workshop.dev.terminal_picture import COLUMNS, WIDTH
from workshop.errors import WorkshopError
from workshop.photos.samples import photo
from workshop.runtime.solution_site import Site, newest, running
from workshop.system import atomic_file
from workshop.system.waiting import until
from workshop.transcripts.output_text import replaced

KILLED, OTHER = "garden.jpg", "harbor.jpg"
SLOW_SECONDS = 15
"""How long the storage takes to save a photo, in seconds.

This is long enough to find the process that resizes the photo and to kill it.
"""
MARGIN = 20
"""The margin below the cards, in pixels."""
PATIENCE = 120
"""The maximum time to wait for a change, in seconds. On a busy machine, a change may take this long."""
LINE = re.compile(r"^(\d\d:\d\d:\d\d) worker +\| \[[^]]*\] (.*)$", re.M)
SHOWN = "\x1b[1m$ celery -A myproject worker …\x1b[0m"
SHORT = [(r"images\.tasks\.(\w+)\[(\w{4})[-\w]*\]", r"\1[\2…]"), (r"(succeeded) in .*", r"\1")]


def moments(chromium) -> list[Moment]:
    """Start the newest solution, upload two photos, and kill the process that resizes one of them.

    Args:
        chromium: The browser that shows the site.

    Raises:
        WorkshopError: The site does not start, or something unexpected happens during the recording.
    """
    with running(newest(), without={"beat", "flower", "slow"}, variables={"PRACTICE": "1"}) as site:
        return list(Run(chromium, site).moments())


class Run:
    """One run of the site. The film shows the site's page and the log of the site's worker."""

    def __init__(self, chromium, site: Site):
        self.site = site
        self.page = chromium.new_page(viewport={"width": WIDTH, "height": 700}, device_scale_factor=SCALE)
        self.task, self.process = "", 0

    def moments(self) -> Iterator[Moment]:
        """Yield the moments of the film as they happen.

        Raises:
            WorkshopError: Something unexpected happens during the recording.
        """
        atomic_file.write_text(self.site.data / "storage-mode", f"slow {SLOW_SECONDS}")
        self._upload()
        self.task, self.process = self._resizing()
        yield self._moment(800, ("waiting", "waiting"), "received")
        os.kill(self.process, signal.SIGKILL)
        yield self._moment(1300, ("waiting", "waiting"), "received", "kill", "exited")
        happened = ["received", "kill", "exited", "received"]
        yield self._moment(1400, ("waiting", "resized"), *happened)
        yield self._moment(1500, ("resized", "resized"), *happened, "succeeded")

    def _upload(self) -> None:
        files = [
            {"name": name, "mimeType": "image/jpeg", "buffer": photo(1600, 1200, seed=seed)}
            for seed, name in enumerate((KILLED, OTHER), start=10)
        ]
        self.page.goto(urljoin(self.site.address, "/upload/"))
        self.page.get_by_label("Choose photos").set_input_files(files)
        self.page.get_by_role("button", name="Upload", exact=True).click()
        self.page.locator(".card").nth(len(files) - 1).wait_for(timeout=PATIENCE * 1000)
        self.page.goto(self.site.address)  # open the page again, without the message about the upload

    def _resizing(self) -> tuple[str, int]:
        """Wait until both photos are being resized, and return the task and process IDs for the first photo.

        Raises:
            WorkshopError: The photos are not resized at the same time.
        """
        photo_id = int(self._card(KILLED).get_attribute("data-photo"))
        inspect = Celery(broker=self.site.broker_url).control.inspect(timeout=2)

        def resizing() -> tuple[str, int] | None:
            tasks = [task for tasks in (inspect.active() or {}).values() for task in tasks]
            if len(tasks) == 2:
                for task in tasks:
                    if task["args"] == [photo_id]:
                        return task["id"], task["worker_pid"]
            return None

        if not (task := until(resizing, PATIENCE)):
            raise WorkshopError("The worker does not resize two photos at once. Record the films again.")
        return task

    def _moment(self, milliseconds: int, states: tuple[str, str], *happened: str) -> Moment:
        """Wait until the page shows `states` and the log shows `happened`, and return that moment.

        Raises:
            WorkshopError: The page or the log shows something else.
        """

        def lines() -> list[str]:
            return self._lines()[: len(happened)]

        def as_told() -> bool:
            told = [word for word, line in zip(happened, lines(), strict=False) if word in line]
            return told == list(happened) and self._states() == states

        if until(as_told, PATIENCE):
            text, app = "\n".join([SHOWN, *lines()]), {}
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                app[scheme] = self.page.screenshot(clip=self._clip())
            if as_told():
                return Moment(milliseconds, text, app)
        raise WorkshopError(
            f"The photos should be {' and '.join(states)} after {happened[-1]!r}, but they are "
            f"{' and '.join(self._states())}. The worker's log says:\n" + "\n".join(lines())
        )

    def _clip(self) -> dict[str, float]:
        """Return the part of the page to capture, down to the end of the cards and without the footer."""
        cards = self.page.locator(".photos").bounding_box()
        return {"x": 0, "y": 0, "width": WIDTH, "height": cards["y"] + cards["height"] + MARGIN}

    def _card(self, name: str):
        return self.page.locator(".card").filter(has_text=name)

    def _states(self) -> tuple[str, ...]:
        return tuple(self._card(name).get_attribute("data-state") for name in (KILLED, OTHER))

    def _lines(self) -> list[str]:
        """Return the shortened log lines about the task, and the command that killed its process."""
        shown = []
        for clock, line in LINE.findall(self.site.log.read_text(encoding="utf-8")):
            if f"pid:{self.process} exited" in line:
                shown += [
                    f"\x1b[1m$ kill -9 {self.process}\x1b[0m",
                    f"\x1b[31m{_wrapped(clock, line)}\x1b[0m",
                ]
            elif f"[{self.task}] received" in line or f"[{self.task}] succeeded" in line:
                shown.append(_wrapped(clock, replaced(line, SHORT)))
        return shown


def _wrapped(clock: str, line: str) -> str:
    """Return a line of the log, wrapped to the width of the terminal."""
    return textwrap.fill(f"{clock} {line}", COLUMNS, subsequent_indent=" " * (len(clock) + 1))
