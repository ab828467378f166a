"""The two consoles that every module prints with, so that width, colour and markup are decided once."""

from rich.console import Console

console = Console(highlight=False)
"""What a command has to say: on standard output."""

complaints = Console(stderr=True, highlight=False)
"""What went wrong: on standard error."""
