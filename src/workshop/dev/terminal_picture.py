"""Draw a picture of a terminal. A browser renders the text in ANSI colors on a light or dark background."""

import re
from io import StringIO

from PIL import ImageColor
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH = 560
"""The width of the page in pixels. On a phone that is 390 pixels wide, the letters are 11 pixels high."""
COLUMNS = 48
DIM = re.compile(r"\x1b\[2m")
"""The ANSI code for dim text. The code is removed, because dim text is hard to read in a small picture."""

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: {background}; color: {foreground}; }}
pre {{ margin: 0; padding: 14px 16px; font: 18px/1.36 monospace; white-space: pre; }}
</style><pre>{code}</pre>"""


def _theme(*colors: str) -> TerminalTheme:
    background, foreground, red, green = map(ImageColor.getrgb, colors)
    return TerminalTheme(background, foreground, [foreground, red, green, *[foreground] * 5])


THEMES = {
    "light": _theme("#ffffff", "#1c2326", "#a3271a", "#17604f"),
    "dark": _theme("#16191c", "#eceae5", "#ffab9b", "#8fdcc5"),
}


class Terminal:
    """A terminal, COLUMNS columns wide, rendered in a browser."""

    def __init__(self, chromium, scale: int, rows: int):
        """Open a page in the browser.

        Args:
            chromium: The browser.
            scale: The factor by which the picture is larger than the page, both in width and in height.
            rows: The number of rows in the terminal.
        """
        self._page = chromium.new_page(viewport={"width": WIDTH, "height": 100}, device_scale_factor=scale)
        self._rows = rows

    def picture(self, text: str, scheme: str) -> bytes:
        """Return the terminal as a PNG.

        Args:
            text: The text in the terminal, with ANSI colors.
            scheme: "light" or "dark".
        """
        text += "\n" * (self._rows - text.count("\n"))
        terminal = Console(record=True, width=COLUMNS, file=StringIO())
        terminal.print(Text.from_ansi(DIM.sub("", text)), soft_wrap=True)
        html = terminal.export_html(theme=THEMES[scheme], code_format=PAGE, inline_styles=True)
        self._page.set_content(html)
        return self._page.screenshot(full_page=True)
