"""Resize one picture. Knows Pillow and nothing of Django."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
QUALITY = {"JPEG": {"quality": 85}, "WEBP": {"quality": 85}, "PNG": {}}


@dataclass
class Resized:
    content: bytes
    format: str
    width: int
    height: int

    @property
    def extension(self) -> str:
        return EXTENSIONS[self.format]


def resize(file, max_width=800, max_height=600) -> Resized:
    """Fit the picture in `file` within `max_width` × `max_height` pixels.

    `file` is a binary file object. Raises what Pillow raises for a picture that it cannot read:
    UnidentifiedImageError, OSError (cut short), DecompressionBombError.
    """
    with Image.open(file) as picture:
        source_format = picture.format  # transposing makes a copy that has forgotten it
        icc_profile = picture.info.get("icc_profile")
        box = box_before_turning(picture, max_width, max_height)
        # A JPEG decodes at 1/2, 1/4 or 1/8 of its size for little work and memory.
        picture.thumbnail(box, Image.Resampling.LANCZOS, reducing_gap=1.1)
        picture = ImageOps.exif_transpose(picture)
        format = format_to_write(source_format, picture)
        picture, icc_profile = convert_for(format, picture, icc_profile)

        output = BytesIO()
        # Only the colour profile goes along. EXIF would carry the GPS position.
        picture.info.clear()
        picture.save(output, format=format, icc_profile=icc_profile, **QUALITY[format])
        return Resized(output.getvalue(), format, picture.width, picture.height)


def box_before_turning(picture, max_width, max_height):
    """A picture that will be turned by 90° has to fit the box that is turned the other way."""
    turned = picture.getexif().get(0x0112, 1) >= 5
    return (max_height, max_width) if turned else (max_width, max_height)


def format_to_write(source_format, picture):
    """Keep JPEG, PNG and WebP. MPO is a JPEG with more pictures behind it; GIF becomes PNG or JPEG."""
    if source_format in EXTENSIONS:
        return source_format
    return "PNG" if picture.has_transparency_data else "JPEG"


def convert_for(format, picture, icc_profile):
    """Bring the picture into a colour mode that `format` can hold and every browser shows."""
    if picture.mode == "CMYK":
        return picture.convert("RGB"), None  # the profile described CMYK
    if format == "JPEG" and picture.mode not in ("RGB", "L"):
        return picture.convert("RGB"), icc_profile
    if picture.mode in ("P", "LA", "PA"):
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB"), icc_profile
    return picture, icc_profile
