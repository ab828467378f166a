"""Format the command's output: lists of names, and the table."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from workshop.console import say
from workshop.system.percentiles import spread


def listed(things: Iterable[object]) -> str:
    """ "1, 2 and 4"."""
    *most, last = map(str, things)
    return f"{', '.join(most)} and {last}" if most else last


def rates_table(rates: Mapping[int, Sequence[float]]) -> None:
    """Print the photos per second for each number of hosts. `rates` must have an entry for one host."""
    several = len(rates[1]) > 1
    table = Table(box=None, padding=(0, 0, 0, 2))  # no trailing spaces
    for heading in ("hosts", "photos/s: median (range)" if several else "photos/s", "speedup"):
        table.add_column(heading, justify="right")
    one = statistics.median(rates[1])
    for count, found in rates.items():
        speed = spread(found, 1) if several else f"{found[0]:.1f}"
        table.add_row(str(count), speed, f"{statistics.median(found) / one:.2f}")
    say(table)
