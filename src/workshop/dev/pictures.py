"""The pictures of the README and of the docs' home page: two films of real runs, each with a still."""

from workshop import paths
from workshop.console import say
from workshop.dev import check_film, film, killed_film
from workshop.docsite import browser
from workshop.transcripts.output_text import ANSI

TEXTS = paths.DOCS / "runs/pictures"
"""What the terminals in the films show. The tests compare it with the checks and the pages."""


def main() -> int:
    """Run what the films show, and write them to docs/assets/ and their texts to TEXTS.

    Returns:
        The exit code.

    Raises:
        WorkshopError: There is no browser, or a run does something other than its film tells.
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
