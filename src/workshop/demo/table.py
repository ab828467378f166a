"""Display the demo's progress in a live table. If the output is not a terminal, print one line per change."""

import contextlib
import re
import time
from collections.abc import Iterator

from rich.live import Live
from rich.table import Table
from rich.text import Text

from workshop.console import console, in_bytes, say
from workshop.demo.photos import Photo

COLORS = {
    "": "dim",
    "painting": "yellow",
    "painted": "dim",
    "uploading": "yellow",
    "waiting": "cyan",
    "unqueued": "red",
    "resized": "green",
    "refused": "magenta",
    "failed": "magenta",
}
WIDE = 124
"""The minimum terminal width, in columns, at which every sample's full description fits into the table."""


class ProgressDisplay:
    """Displays the progress of the photos. Call `update()` after every change."""

    def __init__(self, photos: list[Photo]):
        self.photos = photos
        self._printed: dict[str, str] = {}
        self._live: Live | None = None

    @contextlib.contextmanager
    def on_screen(self) -> Iterator[None]:
        """Display the photos' progress during the `with` block. The table stays on the screen afterward."""
        if not console.is_terminal or console.is_dumb_terminal:
            yield
            return
        with Live(get_renderable=self.table, console=console, refresh_per_second=10) as self._live:
            yield
            self._live.refresh()

    def update(self) -> None:
        """Print a line for each photo whose state has changed. The live table refreshes automatically."""
        if self._live is None:
            for photo in self.photos:
                if photo.state not in ("", "painting", self._printed.get(photo.name)):
                    self._printed[photo.name] = photo.state
                    say(line(photo), hang=19)

    def table(self) -> Table:
        """Return a table with one row for each photo, no wider than the terminal."""
        table = Table(box=None, padding=(0, 1, 0, 0))
        table.add_column("photo", no_wrap=True)
        table.add_column("what it is")  # shrinks in a narrow terminal
        table.add_column("state", no_wrap=True, min_width=9)
        for heading, width in (("pixels", 7), ("bytes", 15), ("s", 4)):
            table.add_column(heading, no_wrap=True, justify="right", min_width=width)
        for photo in self.photos:
            purpose = photo.sample.purpose
            if console.width < WIDE:
                purpose = re.split(r"[,;:(]", purpose)[0].strip()
            table.add_row(
                photo.name,
                Text(purpose, style="dim", no_wrap=True, overflow="ellipsis"),
                Text(photo.state or "–", style=COLORS.get(photo.state, "")),
                photo.pixels or "–",
                change_of_size(photo),
                _seconds(photo),
            )
        return table


def line(photo: Photo) -> str:
    """Return a line of text that describes the current state of a photo."""
    if photo.state == "painted":
        return f"  {photo.name:<17}painted    {in_bytes(photo.bytes_before)}: {photo.sample.purpose}"
    text = f"  {photo.name:<17}{photo.state:<9}"
    if photo.is_done:
        text += f"{_seconds(photo):>5} s"
    if photo.state == "resized":
        text += f"  {photo.pixels}, {change_of_size(photo)}"
    return text.rstrip()


def change_of_size(photo: Photo) -> str:
    """Return the sizes of the photo before and after the resize, such as "3.5 MB → 41 kB"."""
    before = in_bytes(photo.bytes_before) if photo.content else "–"
    return f"{before} → {in_bytes(photo.bytes_after)}" if photo.bytes_after else before


def _seconds(photo: Photo) -> str:
    if photo.is_done:
        return f"{photo.seconds:.2f}"
    return f"{time.perf_counter() - photo.sent_at:.1f}" if photo.sent_at else "–"
