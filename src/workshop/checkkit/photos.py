"""Create small pictures for the checks. Most functions return the bytes of an image file."""

import math
import struct
import zlib
from functools import cache
from io import BytesIO

from PIL import Image, ImageCms, ImageDraw

GPS = 0x8825
ORIENTATION = 0x0112

CORNERS = {
    "red": (220, 40, 40),
    "green": (40, 180, 60),
    "yellow": (240, 220, 60),
    "white": (250, 250, 250),
}
"""The colors of a scene's corners, in this order: top left, top right, bottom left, bottom right."""


def scene(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return a picture with four corners in different colors, so that rotation and distortion are visible."""
    picture = Image.new("RGB", (width, height), (40, 90, 160))
    draw = ImageDraw.Draw(picture)
    for index, color in enumerate(CORNERS.values()):
        left, top = (index % 2) * (width - width // 4), (index // 2) * (height - height // 4)
        draw.rectangle((left, top, left + width // 4, top + height // 4), fill=color)
    return picture.convert(mode)


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    """Return the picture as the bytes of an image file. The options are passed to Pillow's `save()`."""
    output = BytesIO()
    picture.save(output, format=format, **options)
    return output.getvalue()


@cache
def profile() -> bytes:
    """Return an ICC color profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@cache
def jpeg(width: int = 1000, height: int = 750, orientation: int = 1) -> bytes:
    """Return a camera-like JPEG with an EXIF orientation, a GPS position, a comment and a color profile."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif.get_ifd(GPS).update({1: "N", 2: (53.0, 33.0, 0.0), 3: "E", 4: (9.0, 59.0, 0.0)})
    return encoded(scene(width, height), "JPEG", exif=exif, comment=b"my house", icc_profile=profile())


@cache
def mpo() -> bytes:
    """Return an MPO file: a JPEG followed by a second picture. Many phones save such files as .jpg."""
    picture = scene(1000, 750)
    return encoded(picture, "MPO", save_all=True, append_images=[picture.rotate(180)])


@cache
def cmyk() -> bytes:
    """Return a CMYK JPEG, as used for printing, with an embedded color profile."""
    return encoded(scene(1000, 750, "CMYK"), "JPEG", icc_profile=profile())


@cache
def png() -> bytes:
    """Return a PNG whose left half is transparent."""
    return encoded(_half_transparent_scene(), "PNG")


def _half_transparent_scene() -> Image.Image:
    picture = scene(1000, 750, "RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 500, 750))
    return picture


@cache
def webp() -> bytes:
    """Return the scene as a WebP file."""
    return encoded(scene(1000, 750), "WEBP")


@cache
def gif() -> bytes:
    """Return an animated GIF with two frames. The first frame shows the scene."""
    return _animated(scene(1000, 750))


@cache
def transparent_gif() -> bytes:
    """Return an animated GIF whose first frame is half transparent."""
    return _animated(_half_transparent_scene())


def _animated(picture: Image.Image) -> bytes:
    return encoded(picture, "GIF", save_all=True, append_images=[picture.rotate(180)])


@cache
def cut_short() -> bytes:
    """Return only the first half of a JPEG."""
    content = encoded(Image.effect_noise((800, 600), 80).convert("RGB"), "JPEG")
    return content[: len(content) // 2]


def png_with_transparent_color() -> bytes:
    """Return a PNG without an alpha channel, in which the background color is marked as transparent."""
    return encoded(scene(1000, 750), "PNG", transparency=(40, 90, 160))


def png_of(width: int, height: int) -> bytes:
    """Return the scene as a PNG file of the given size."""
    return encoded(scene(width, height), "PNG")


def tiff() -> bytes:
    """Return the scene as a TIFF file."""
    return encoded(scene(400, 300), "TIFF")


@cache
def bomb() -> bytes:
    """Return a PNG of a few bytes whose header claims a size of 30,000 × 30,000 pixels."""
    content = bytearray(png_of(1, 1))
    content[16:24] = struct.pack(">II", 30_000, 30_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


@cache
def checkerboard(width: int, height: int, mode: str = "L") -> bytes:
    """Return a PNG with alternating black and white pixels, which average to gray.

    Args:
        width: The width in pixels, which must be even.
        height: The height in pixels, which must be even.
        mode: The Pillow mode of the picture.
    """
    even_row = b"\x00\xff" * (width // 2)
    odd_row = b"\xff\x00" * (width // 2)
    board = Image.frombytes("L", (width, height), (even_row + odd_row) * (height // 2))
    return encoded(board.convert(mode), "PNG")


def corners(picture: Image.Image) -> list[str]:
    """Return the color names of a scene's four corners, clockwise from the top left."""
    picture = picture.convert("RGB")
    right, bottom = picture.width - 9, picture.height - 9
    names = []
    for position in ((8, 8), (right, 8), (right, bottom), (8, bottom)):
        pixel = picture.getpixel(position)
        names.append(min(CORNERS, key=lambda name: math.dist(CORNERS[name], pixel)))
    return names


def garbage() -> bytes:
    """Return bytes that start like a JPEG but continue with something else."""
    return b"\xff\xd8\xff" + b"these are notes, not a picture\n" * 40
