"""The two consoles that all modules print to, and the functions that wrap and print text."""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

if os.environ.get("COLUMNS") == "0":  # means that the width is unknown, but Rich would print nothing
    del os.environ["COLUMNS"]
for _stream in (sys.stdout, sys.stderr):
    if isinstance(_stream, io.TextIOWrapper):
        _stream.reconfigure(errors="replace")  # in a terminal without UTF-8, print ? instead of ✓

console = Console(highlight=False)
"""Standard output, for a command's results."""

error_console = Console(stderr=True, highlight=False)
"""Standard error, for error messages."""

WIDEST = 100
"""The maximum width of a printed line, in columns, even if the terminal is wider."""
NARROWEST = 30
"""The minimum number of columns that a hanging indent leaves for the text.

If the indent would leave fewer columns, the text is printed without a hanging indent.
"""

_COMMAND = r"(?:cd \S+ && )?(?:\S*\./workshop|python manage\.py|celery -A \w+)"
_ARGUMENTS = r"(?: [a-z_]+)?(?: --?\w\S*(?: \w+)?| \S*[\d/=]\S*)*"
_WHOLE = rf"`[^`]+`|{_COMMAND}{_ARGUMENTS}|\b(?:cd|cp|kill|export|unset|rm -r|docker compose) \S+"
_PIECE = re.compile(rf"\s*(?:{_WHOLE}|\S)+")
"""Matches text that is not split across lines: a word, or a command that a person might copy.

The match includes the spaces before that text.
"""


def say(
    what: object, style: str = "", *, hang: int | None = None, markup: bool = False, on: Console = console
) -> None:
    """Print text or a Rich object, such as a table. Text is wrapped to the width of the terminal.

    The width comes from the environment variable COLUMNS or from the terminal, but it is at most WIDEST. If
    the output is not a terminal, the width is 80 columns. A command that fits on one line is not split across
    lines, and a path is never split. If the terminal has been closed, the error is ignored so that the caller
    can finish its work.

    Args:
        what: The text or the Rich object to print. A Rich object wraps its own content.
        style: A Rich style for the whole text.
        hang: The indentation of all lines after the first one, in columns. Default: the first line's
            indentation.
        markup: Whether to interpret tags such as [bold] in the text as styles.
        on: The console to print to.
    """
    if isinstance(what, str):
        what = Text.from_markup(what) if markup else Text(what)
    with contextlib.suppress(OSError):
        if not isinstance(what, Text):
            on.print(what)
            return
        for line in what.split("\n", allow_blank=True) if what else [what]:
            for part in _wrapped(line, min(on.width, WIDEST), hang):
                on.print(part, style=style, soft_wrap=True)


def verbatim(line: str, style: str = "") -> None:
    """Print a line of code unchanged, even if it is wider than the terminal."""
    with contextlib.suppress(OSError):
        console.print(Text(line), style=style, soft_wrap=True)


def in_bytes(count: int) -> str:
    """Format a number of bytes in a readable unit, for example "3.5 MB"."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def listed(things: Iterable[object]) -> str:
    """Join the items with commas and "and", for example "1, 2 and 4"."""
    *most, last = map(str, things)
    return f"{', '.join(most)} and {last}" if most else last


def sentence(text: str) -> str:
    """Return `text` with a final period, unless it already ends with a punctuation mark."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _wrapped(line: Text, width: int, hang: int | None) -> Iterator[Text]:
    """Split `line` into lines of at most `width` columns. A word wider than `width` gets its own line."""
    text = line.plain
    indent = len(text) - len(text.lstrip())
    hang = indent if hang is None or hang > width - NARROWEST else hang
    breaks, used = [], 0
    for start, piece in _pieces(text, width - hang):
        column = used + len(piece) - len(piece.lstrip())
        # A piece that starts at or before column `hang` would not have more room on a new line.
        if used and used + cell_len(piece) > width and column > hang:
            breaks.append(start)
            used = hang + cell_len(piece.lstrip())
        else:
            used += cell_len(piece)
    for number, part in enumerate(line.divide(breaks)):
        if number:
            part = part[len(part.plain) - len(part.plain.lstrip()) :]
            part.pad_left(hang)
        part.rstrip()
        yield part


def _pieces(text: str, width: int) -> Iterator[tuple[int, str]]:
    """Yield the position and the text of each part that must not be split.

    Each text includes the spaces before it. A command that is wider than `width` columns is split at its
    spaces.
    """
    for piece in _PIECE.finditer(text):
        if cell_len(piece[0].strip()) <= width:
            yield piece.start(), piece[0]
        else:
            for word in re.finditer(r"\s*\S+", piece[0]):
                yield piece.start() + word.start(), word[0]
