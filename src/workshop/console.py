"""The two consoles that all modules print to, and how sentences are wrapped."""

import contextlib
import re
from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

console = Console(highlight=False)
"""Standard output, for a command's results."""

error_console = Console(stderr=True, highlight=False)
"""Standard error, for error messages."""

WIDEST = 100
"""The maximum width of a sentence, in columns, even if the terminal is wider."""
NARROWEST = 30
"""The minimum number of columns that a hanging indent must leave. Otherwise there is no hanging indent."""

_COMMAND = r"(?:cd \S+ && )?(?:\S*\./workshop|python manage\.py|celery -A \w+)"
_ARGUMENTS = r"(?: [a-z_]+)?(?: --?\w\S*(?: \w+)?| \S*[\d/=]\S*)*"
_WHOLE = rf"`[^`]+`|{_COMMAND}{_ARGUMENTS}|\b(?:cd|cp|kill|export|unset|rm -r|docker compose) \S+"
_PIECE = re.compile(rf"\s*(?:{_WHOLE}|\S)+")
"""A part that is never broken, with the spaces before it: a word, or a command that a person might copy."""


def say(
    what: object, style: str = "", *, hang: int | None = None, markup: bool = False, on: Console = console
) -> None:
    """Print sentences, wrapped to the width of the terminal, or a Rich table.

    The width is that of the terminal, the variable COLUMNS, or 80 if the output is not a terminal, but at
    most WIDEST. A command that fits on one line is not broken, and a path never is. If the terminal has been
    closed, the error is ignored, so that the caller can finish its work.

    Args:
        what: The text, or a Rich object such as a table, which Rich wraps.
        style: A Rich style for the whole text.
        hang: The indentation of a sentence's further lines, in columns. Default: that of its first line.
        markup: Whether tags such as [bold] in the text are styles.
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
    """Format a number of bytes for people, for example "3.5 MB"."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def listed(things: Iterable[object]) -> str:
    """Return for example "1, 2 and 4" for three numbers."""
    *most, last = map(str, things)
    return f"{', '.join(most)} and {last}" if most else last


def _wrapped(line: Text, width: int, hang: int | None) -> Iterator[Text]:
    """Break `line` into lines of at most `width` columns. A longer word gets its own, longer line."""
    text = line.plain
    indent = len(text) - len(text.lstrip())
    hang = indent if hang is None or hang > width - NARROWEST else hang
    breaks, used = [], 0
    for start, piece in _pieces(text, width - hang):
        column = used + len(piece) - len(piece.lstrip())
        # Before `hang`, a new line would leave no more room.
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
    """Yield the unbreakable parts of `text`, including the spaces before them, and their positions.

    A command that is wider than `width` columns is broken at its spaces.
    """
    for piece in _PIECE.finditer(text):
        if cell_len(piece[0].strip()) <= width:
            yield piece.start(), piece[0]
        else:
            for word in re.finditer(r"\s*\S+", piece[0]):
                yield piece.start() + word.start(), word[0]
