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
    # TODO 1.1: keep the aspect ratio and never enlarge. Use the LANCZOS filter, and let Pillow decode a large
    # JPEG at a reduced size.
    return picture.resize((max_width, max_height))


def is_on_its_side(picture: Image.Image) -> bool:
    """Whether the pixels are stored on their side: EXIF orientations 5 to 8 turn the picture by 90°."""
    # TODO 1.2: return True for EXIF orientations 5 to 8. Call orientation() to read the orientation.
    return False


def upright(picture: Image.Image) -> Image.Image:
    """Turn the pixels as the EXIF orientation says."""
    # TODO 1.2: rotate or mirror the picture as TURNS specifies for its orientation(). Orientation 1 is
    # already upright.
    return picture


def format_to_write(picture: Image.Image) -> str:
    """The format of the result. JPEG, PNG and WebP keep their format."""
    # TODO 1.3: for any other format, return "PNG" if the picture has transparency, otherwise "JPEG". Use the
    # format that Pillow read from the file's content, never the file's name.
    return picture.format


def unpacked(picture: Image.Image) -> Image.Image:
    """Convert a picture with a palette or a transparent color to RGB or RGBA.

    Pillow resizes a palette picture by dropping pixels, whatever the filter.
    """
    # TODO 1.3: convert pictures in the modes "1", "P" and "PA", and any picture with "transparency" in its
    # info. Use "RGBA" if the picture has transparency, otherwise "RGB". Keep the ICC profile.
    return picture


def converted(picture: Image.Image, format: str) -> Image.Image:
    """Convert the picture to a color mode that `format` supports and every browser shows."""
    # TODO 1.3: convert CMYK pictures to "RGB" and remove the ICC profile, because it describes CMYK. For a
    # JPEG, convert every other mode except "L" to "RGB" and keep the profile.
    return picture


def write(picture: Image.Image, format: str) -> Resized:
    """Encode the picture. The color profile is the only metadata that it keeps."""
    output = BytesIO()
    # TODO 1.2: this call writes the whole EXIF block, including the GPS position. Write the ICC profile from
    # picture.info, but no other metadata: no EXIF, no XMP, no comment. Keep the options from QUALITY.
    picture.save(output, format=format, exif=picture.getexif(), **QUALITY[format])
    return Resized(output.getvalue(), format, picture.width, picture.height)
