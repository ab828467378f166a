"""Show pictures side by side in a notebook."""

import base64
from html import escape
from io import BytesIO

from PIL import Image

EDGE = 320
"""The maximum width and height of a thumbnail, in pixels."""


class SideBySide:
    """Thumbnails of pictures, with captions. The text version contains only the captions."""

    def __init__(self, pictures: list[tuple[bytes, str]]) -> None:
        self._pictures = pictures

    def __repr__(self) -> str:
        return "\n".join(caption for _, caption in self._pictures)

    def _repr_html_(self) -> str:
        style = "display:inline-block;margin:0 1em 1em 0;vertical-align:top"
        return "".join(
            f"<figure style='{style}'><img alt='{escape(caption, quote=True)}' "
            f"src='data:image/jpeg;base64,{base64.b64encode(content).decode()}'>"
            f"<figcaption>{escape(caption)}</figcaption></figure>"
            for content, caption in self._pictures
        )


def side_by_side(*pictures, captions: list[str]) -> SideBySide:
    """Show thumbnails of pictures next to each other, without applying the EXIF orientation.

    Args:
        *pictures: The pictures, each as bytes, a path or an ImageField file.
        captions: A caption for each picture.

    Raises:
        ValueError: The number of captions differs from the number of pictures.
    """
    pairs = zip(pictures, captions, strict=True)
    return SideBySide([(_small_jpeg(_opened(picture)), caption) for picture, caption in pairs])


def _opened(picture) -> Image.Image:
    if isinstance(picture, bytes):
        return Image.open(BytesIO(picture))
    with picture.open("rb") as file:
        return Image.open(BytesIO(file.read()))


def _small_jpeg(picture: Image.Image) -> bytes:
    picture.thumbnail((EDGE, EDGE))
    content = BytesIO()
    picture.convert("RGB").save(content, "JPEG", quality=80)
    return content.getvalue()
