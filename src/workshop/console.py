"""The two consoles that every module prints with, and how their sentences wrap: decided once, here."""

import contextlib
import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

console = Console(highlight=False)
"""What a command has to say: on standard output."""

complaints = Console(stderr=True, highlight=False)
"""What went wrong: on standard error."""

WIDEST = 100
"""Columns. Sentences are not wider than this, even where the terminal is."""
NARROWEST = 30
"""Columns that a hanging indent has to leave; else it is not made."""

_COMMAND = r"(?:cd \S+ && )?(?:\S*\./workshop|python manage\.py|celery -A \w+)"
_ARGUMENTS = r"(?: [a-z_]+)?(?: --?\w\S*(?: \w+)?| \S*[\d/=]\S*)*"
_WHOLE = rf"`[^`]+`|{_COMMAND}{_ARGUMENTS}|\b(?:cd|cp|kill|export|unset|rm -r|docker compose) \S+"
_PIECE = re.compile(rf"\s*(?:{_WHOLE}|\S)+")
"""What stays in one line, with the blanks before it: a word, or a command that a person would copy."""


def say(
    what: object, style: str = "", *, hang: int | None = None, markup: bool = False, on: Console = console
) -> None:
    """Print sentences, wrapped at the width of the terminal; or a table of Rich.

    The width is that of the terminal, or the variable COLUMNS, or 80 where the output goes elsewhere; at most
    WIDEST. A command stays in one line where it fits into one, and a path is never broken. A terminal that is
    gone is no reason to stop half way.

    style: of Rich, for all of it. hang: columns by which the further lines of a sentence are indented; if not
    given, as many as its first line. markup: whether [bold] and the like in the text mean a style.
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
    """Print a line of code as it is, however long."""
    with contextlib.suppress(OSError):
        console.print(Text(line), style=style, soft_wrap=True)


def in_bytes(count: int) -> str:
    """A number of bytes for people, such as "3.5 MB"."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _wrapped(line: Text, width: int, hang: int | None) -> Iterator[Text]:
    """The lines of at most `width` columns that `line` becomes; a longer word is a line that is too long."""
    text = line.plain
    indent = len(text) - len(text.lstrip())
    hang = indent if hang is None or hang > width - NARROWEST else hang
    breaks, used = [], 0
    for start, piece in _pieces(text, width - hang):
        column = used + len(piece) - len(piece.lstrip())
        if used and used + cell_len(piece) > width and column > hang:  # else a new line would gain nothing
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
    """The pieces of `text` that stay whole, each with the blanks before it, and where it starts.

    A command that is longer than `width` columns is taken apart at its blanks.
    """
    for piece in _PIECE.finditer(text):
        if cell_len(piece[0].strip()) <= width:
            yield piece.start(), piece[0]
        else:
            for word in re.finditer(r"\s*\S+", piece[0]):
                yield piece.start() + word.start(), word[0]
