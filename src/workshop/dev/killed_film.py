"""The film of the app: a process is killed while it resizes a photo, and another process resizes it."""

import os
import re
import signal
import textwrap
from collections.abc import Iterator
from urllib.parse import urljoin

from celery import Celery

from workshop.checkkit import until
from workshop.dev.film import SCALE, SCHEMES, Moment
from workshop.dev.terminal_page import COLUMNS, WIDTH
from workshop.errors import WorkshopError
from workshop.photos.samples import photo
from workshop.runtime.solution_site import Site, newest, running
from workshop.system import atomic_file
from workshop.transcripts.output_text import replaced

KILLED, OTHER = "garden.jpg", "harbor.jpg"
SLOW_SECONDS = 15
"""How long the storage takes to save a photo: long enough to find the process and to kill it."""
MARGIN = 20
"""Pixels below the cards."""
PATIENCE = 120
"""Seconds. A busy machine needs this long."""
LINE = re.compile(r"^(\d\d:\d\d:\d\d) worker +\| \[[^]]*\] (.*)$", re.M)
SHOWN = "\x1b[1m$ celery -A myproject worker …\x1b[0m"
SHORT = [(r"images\.tasks\.(\w+)\[(\w{4})[-\w]*\]", r"\1[\2…]"), (r"(succeeded) in .*", r"\1")]


def moments(chromium) -> list[Moment]:
    """Start the newest solution, upload two photos, and kill the process that resizes one of them.

    Raises WorkshopError if the site does not start, or does something other than the film tells.
    """
    with running(newest(), without={"beat", "flower", "slow"}, variables={"PRACTICE": "1"}) as site:
        return list(Run(chromium, site).moments())


class Run:
    """One run of the site: what its page and its worker's log show."""

    def __init__(self, chromium, site: Site):
        self.site = site
        self.page = chromium.new_page(viewport={"width": WIDTH, "height": 700}, device_scale_factor=SCALE)

    def moments(self) -> Iterator[Moment]:
        """What happens, as it happens."""
        atomic_file.write_text(self.site.data / "storage-mode", f"slow {SLOW_SECONDS}")
        self._upload()
        task, process = self._resizing()
        yield self._moment(800, ("waiting", "waiting"), task, process, "received")
        os.kill(process, signal.SIGKILL)
        yield self._moment(1300, ("waiting", "waiting"), task, process, "received", "kill", "exited")
        happened = ["received", "kill", "exited", "received"]
        yield self._moment(1400, ("waiting", "resized"), task, process, *happened)
        yield self._moment(1500, ("resized", "resized"), task, process, *happened, "succeeded")

    def _upload(self) -> None:
        files = [
            {"name": name, "mimeType": "image/jpeg", "buffer": photo(1600, 1200, seed=seed)}
            for seed, name in enumerate((KILLED, OTHER), start=10)
        ]
        self.page.goto(urljoin(self.site.address, "/upload/"))
        self.page.get_by_label("Choose photos").set_input_files(files)
        self.page.get_by_role("button", name="Upload", exact=True).click()
        self.page.locator(".card").nth(len(files) - 1).wait_for(timeout=PATIENCE * 1000)
        self.page.goto(self.site.address)  # once more, without the message about the upload

    def _resizing(self) -> tuple[str, int]:
        """The task of the photo KILLED and the process that runs it, once both photos are being resized."""
        card = self.page.locator(".card").filter(has_text=KILLED)
        photo_id = int(card.get_attribute("data-photo"))
        inspect = Celery(broker=self.site.broker_url).control.inspect(timeout=2)

        def found():
            tasks = [each for tasks in (inspect.active() or {}).values() for each in tasks]
            mine = [(each["id"], each["worker_pid"]) for each in tasks if each["args"] == [photo_id]]
            return mine[0] if mine and len(tasks) == 2 else None

        if not (task := until(found, PATIENCE)):
            raise WorkshopError("The worker does not resize two photos at once. Take the pictures again.")
        return task

    def _moment(self, milliseconds: int, states: tuple, task: str, process: int, *happened: str) -> Moment:
        """The page and the log, once KILLED and OTHER have the `states` and the log tells what `happened`."""

        def lines():
            return self._lines(task, process)[: len(happened)]

        def as_told():
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
        """The page down to the end of the cards, without its footer."""
        cards = self.page.locator(".photos").bounding_box()
        return {"x": 0, "y": 0, "width": WIDTH, "height": cards["y"] + cards["height"] + MARGIN}

    def _states(self) -> tuple[str, ...]:
        cards = [self.page.locator(".card").filter(has_text=name) for name in (KILLED, OTHER)]
        return tuple(card.get_attribute("data-state") for card in cards)

    def _lines(self, task: str, process: int) -> list[str]:
        """What the log says about the task, shortened, with the command that killed its process."""
        found = []
        for clock, line in LINE.findall(self.site.log.read_text(encoding="utf-8")):
            if f"pid:{process} exited" in line:
                found += [f"\x1b[1m$ kill -9 {process}\x1b[0m", f"\x1b[31m{_row(clock, line)}\x1b[0m"]
            elif f"[{task}] received" in line or f"[{task}] succeeded" in line:
                found.append(_row(clock, replaced(line, SHORT)))
        return found


def _row(clock: str, line: str) -> str:
    """A line of the log, wrapped at the width of the terminal."""
    return textwrap.fill(f"{clock} {line}", COLUMNS, subsequent_indent=" " * (len(clock) + 1))
