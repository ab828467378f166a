"""What the command prints: sentences as wide as the terminal, and the table."""

import contextlib
import statistics
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from workshop.bench.statistic import spread
from workshop.console import console


def say(text: str, indent: int = 0, hang: int = 0) -> None:
    """Print a sentence, with an empty line where it begins with a line end. `hang`: its further lines are
    indented so much more. A terminal that is gone is no reason to stop half way."""
    wrapped = textwrap.fill(
        text.lstrip("\n"),
        max(console.width, 40),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
    )
    _print("\n" * text.startswith("\n") + wrapped)


def listed(things: Iterable[object]) -> str:
    """ "1, 2 and 4"."""
    *most, last = map(str, things)
    return f"{', '.join(most)} and {last}" if most else last


def rates_table(rates: Mapping[int, Sequence[float]]) -> None:
    """Print the photos per second of each number of hosts; `rates` has one for 1."""
    several = len(rates[1]) > 1
    table = Table(box=None, padding=(0, 0, 0, 2))  # no blanks at the end of a line
    for heading in ("hosts", "photos/s: median (range)" if several else "photos/s", "one host = 1"):
        table.add_column(heading, justify="right")
    one = statistics.median(rates[1])
    for count, found in rates.items():
        speed = spread(found, 1) if several else f"{found[0]:.1f}"
        table.add_row(str(count), speed, f"{statistics.median(found) / one:.2f}")
    _print(table)


def _print(what: object) -> None:
    with contextlib.suppress(OSError):
        console.print(what, markup=False, soft_wrap=True)
