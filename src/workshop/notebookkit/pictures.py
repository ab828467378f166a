"""Show pictures side by side in a notebook."""

import base64
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image

EDGE, MOST_BYTES = 320, 60_000


class SideBySide:
    """Small copies of pictures with captions; in text output, only the captions."""

    def __init__(self, shown: list[tuple[bytes, str]]) -> None:
        self._shown = shown

    def __repr__(self) -> str:
        return "\n".join(caption for _, caption in self._shown)

    def _repr_html_(self) -> str:
        style = "display:inline-block;margin:0 1em 1em 0;vertical-align:top"
        return "".join(
            f"<figure style='{style}'><img alt='{escape(caption, quote=True)}' "
            f"src='data:image/jpeg;base64,{base64.b64encode(content).decode()}'>"
            f"<figcaption>{escape(caption)}</figcaption></figure>"
            for content, caption in self._shown
        )


def side_by_side(*pictures, captions: list[str]) -> SideBySide:
    """Show small copies of pictures next to each other, without applying the EXIF orientation.

    pictures: Pillow images, the bytes or paths of files, or files of an ImageField.
    """
    # A wrong number of captions is a mistake in a cell, so let zip raise an error.
    return SideBySide([(_small(_image(each)), text) for each, text in zip(pictures, captions, strict=True)])


def _image(picture) -> Image.Image:
    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, bytes):
        return Image.open(BytesIO(picture))
    if isinstance(picture, (str, Path)):
        return Image.open(picture)
    with picture.open("rb") as file:
        return Image.open(BytesIO(file.read()))


def _small(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((EDGE, EDGE))
    small = small.convert("RGB")
    for quality in (80, 60, 40, 20):
        content = BytesIO()
        small.save(content, "JPEG", quality=quality)
        if content.tell() < MOST_BYTES:
            break
    return content.getvalue()
