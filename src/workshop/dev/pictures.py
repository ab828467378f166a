"""Record the pictures for the README and the docs' home page: two films of real runs, with still images."""

from workshop import paths
from workshop.console import say
from workshop.dev import check_film, film, killed_film
from workshop.docsite import browser
from workshop.transcripts.output_text import ANSI

TEXTS = paths.DOCS / "runs/pictures"
"""The folder for the text that each film shows in its terminal.

The tests compare these texts with the checks and the pages.
"""


def main() -> int:
    """Record the films, and write them to docs/assets/ and their texts to TEXTS.

    Returns:
        The exit code.

    Raises:
        WorkshopError: No browser is available, or something unexpected happens during the recording.
    """
    with browser.opened() as chromium:
        films = {"killed": killed_film.moments(chromium), "check": check_film.moments()}
        for name, moments in films.items():
            for file, content in film.take(chromium, name, moments).items():
                (paths.DOCS / "assets" / file).write_bytes(content)
                say(f"  docs/assets/{file}: {len(content) / 1000:.0f} kB")
            TEXTS.mkdir(exist_ok=True)
            (TEXTS / f"{name}.txt").write_text(ANSI.sub("", moments[-1].text) + "\n", encoding="utf-8")
    return 0
