"""A film is an animation that shows moments of a run and plays once. A still image shows its last frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, ImageDraw

from workshop.dev.terminal_picture import WIDTH, Terminal
from workshop.errors import WorkshopError

SCHEMES = ("light", "dark")
LONGEST = 5000
"""The maximum length of a film in milliseconds.

A longer animation needs a button that stops it (WCAG 2.2.2), but a README cannot contain a button.
"""
LARGEST = 400_000
"""The maximum size of a film in bytes."""
SCALE = 2
"""The factor by which a film is larger than it appears on the page, both in width and in height."""
GAP, RADIUS, EDGE = 12 * SCALE, 8 * SCALE, (128, 128, 128, 110)
PHOTOS, TEXT = {"quality": 70, "method": 4}, {"lossless": True, "quality": 60, "method": 4}
"""The compression settings for frames with photos and for frames with only text.

With lossless compression, text needs less than half as many bytes.
"""


@dataclass(frozen=True)
class Moment:
    """One picture in a film: a terminal, and optionally the app above it.

    Attributes:
        milliseconds: How long the picture is shown, in milliseconds.
        text: The text in the terminal, with ANSI colors.
        app: A screenshot of the app for each color scheme, WIDTH * SCALE pixels wide. The dictionary is empty
            if the film shows only a terminal.
    """

    milliseconds: int
    text: str
    app: dict[str, bytes] = field(default_factory=dict)


def take(chromium, name: str, moments: Sequence[Moment]) -> dict[str, bytes]:
    """Draw a film in each color scheme.

    Args:
        chromium: The browser that draws the terminal.
        name: The first part of the file names.
        moments: The pictures in the film.

    Returns:
        The contents of the film files and still images, keyed by file name.

    Raises:
        WorkshopError: The film lasts too long, or one of its files is too large.
    """
    durations = [moment.milliseconds for moment in moments]
    if sum(durations) > LONGEST:
        raise WorkshopError(f"The film {name} is {sum(durations)} ms long. Shorten it to {LONGEST} ms.")
    files, compression = {}, PHOTOS if any(moment.app for moment in moments) else TEXT
    terminal = Terminal(chromium, SCALE, rows=max(moment.text.count("\n") for moment in moments))
    for scheme in SCHEMES:
        frames = [_frame(moment, scheme, terminal) for moment in moments]
        moving = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 1}
        files[f"{name}-{scheme}.webp"] = _webp(frames[0], **compression, **moving)
        files[f"{name}-{scheme}-still.webp"] = _webp(frames[-1], **compression)
    for file, content in files.items():
        if len(content) > LARGEST:
            raise WorkshopError(f"{file} is {len(content)} bytes long. The maximum is {LARGEST} bytes.")
    return files


def _frame(moment: Moment, scheme: str, terminal: Terminal) -> Image.Image:
    """Draw the app above the terminal, each as a card with rounded corners."""
    pictures = [moment.app[scheme]] if moment.app else []
    pictures.append(terminal.picture(moment.text, scheme))
    cards = [_card(Image.open(BytesIO(picture)).convert("RGBA")) for picture in pictures]
    height = sum(card.height for card in cards) + GAP * (len(cards) - 1)
    frame, top = Image.new("RGBA", (WIDTH * SCALE, height)), 0
    for card in cards:
        frame.paste(card, (0, top))
        top += card.height + GAP
    return frame


def _card(picture: Image.Image) -> Image.Image:
    box, mask = (0, 0, picture.width - 1, picture.height - 1), Image.new("L", picture.size)
    ImageDraw.Draw(mask).rounded_rectangle(box, RADIUS, fill=255)
    edge = Image.new("RGBA", picture.size)
    ImageDraw.Draw(edge).rounded_rectangle(box, RADIUS, outline=EDGE, width=SCALE)
    picture = Image.alpha_composite(picture, edge)
    picture.putalpha(mask)
    return picture


def _webp(picture: Image.Image, **options: object) -> bytes:
    content = BytesIO()
    picture.save(content, "WEBP", **options)
    return content.getvalue()
