"""The two consoles that every module prints with, so that width, colour and markup are decided once."""

import contextlib

from rich.console import Console

console = Console(highlight=False)
"""What a command has to say: on standard output."""

complaints = Console(stderr=True, highlight=False)
"""What went wrong: on standard error."""


def say(what: object, markup: bool = False) -> None:
    """Print a sentence or a table; a terminal that is gone is no reason to stop half way."""
    with contextlib.suppress(OSError):
        console.print(what, markup=markup, soft_wrap=True)


def in_bytes(count: int) -> str:
    """A number of bytes for people, such as "3.5 MB"."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
