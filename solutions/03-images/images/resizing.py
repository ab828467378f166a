"""Resize one picture. This module uses Pillow and does not depend on Django."""

from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from .pictures import eight_bits, open_picture, orientation, reads_picture

EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
# PNG level 3 and WebP method 2 encode twice as fast as the defaults, to files of about the same size.
QUALITY = {"JPEG": {"quality": 85}, "WEBP": {"quality": 85, "method": 2}, "PNG": {"compress_level": 3}}

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The argument for `picture.transpose()` that makes a photo upright, for each EXIF orientation but 1."""


@dataclass
class Resized:
    content: bytes
    format: str
    width: int
    height: int

    @property
    def extension(self) -> str:
        return EXTENSIONS[self.format]


@reads_picture
def resize(file: BinaryIO, max_width: int = 800, max_height: int = 600) -> Resized:
    """Fit the picture in `file` within `max_width` × `max_height` pixels.

    `file` is a binary file object. Raises UnreadablePicture for a picture that Pillow cannot decode.
    """
    with open_picture(file) as picture:
        format = format_to_write(picture)
        picture = eight_bits(picture)
        if is_on_its_side(picture):
            max_width, max_height = max_height, max_width
        picture = unpacked(picture)
        picture = fit(picture, max_width, max_height)
        picture = upright(picture)
        picture = converted(picture, format)
        return write(picture, format)


def fit(picture: Image.Image, max_width: int, max_height: int) -> Image.Image:
    """Shrink the picture to fit, keeping its aspect ratio. A picture that already fits is not changed."""
    # Pillow decodes a JPEG at 1/2, 1/4 or 1/8 of its size, which saves time and memory.
    picture.thumbnail((max_width, max_height), Image.Resampling.LANCZOS, reducing_gap=1.1)
    return picture


def is_on_its_side(picture: Image.Image) -> bool:
    """Whether the pixels are stored on their side: EXIF orientations 5 to 8 turn the picture by 90°."""
    return orientation(picture) >= 5


def upright(picture: Image.Image) -> Image.Image:
    """Turn the pixels as the EXIF orientation says."""
    turn = TURNS.get(orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def format_to_write(picture: Image.Image) -> str:
    """The format of the result. JPEG, PNG and WebP keep their format."""
    # MPO, which some phones write, is a JPEG followed by more pictures. A GIF is reduced to its first frame.
    if picture.format in EXTENSIONS:
        return picture.format
    return "PNG" if picture.has_transparency_data else "JPEG"


def unpacked(picture: Image.Image) -> Image.Image:
    """Convert a picture with a palette or a transparent color to RGB or RGBA.

    Pillow resizes a palette picture by dropping pixels, whatever the filter.
    """
    if picture.mode in ("1", "P", "PA") or "transparency" in picture.info:
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture


def converted(picture: Image.Image, format: str) -> Image.Image:
    """Convert the picture to a color mode that `format` supports and every browser shows."""
    if picture.mode == "CMYK":
        picture.info.pop("icc_profile", None)  # it describes CMYK
        return picture.convert("RGB")
    if format == "JPEG" and picture.mode not in ("RGB", "L"):
        return picture.convert("RGB")
    return picture


def write(picture: Image.Image, format: str) -> Resized:
    """Encode the picture. The color profile is the only metadata that it keeps."""
    output = BytesIO()
    icc_profile = picture.info.get("icc_profile")
    picture.info.clear()
    picture.save(output, format=format, icc_profile=icc_profile, **QUALITY[format])
    return Resized(output.getvalue(), format, picture.width, picture.height)
