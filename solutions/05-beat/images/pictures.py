"""Open pictures that visitors uploaded. All damaged and malicious files raise the same exception."""

import os
import re
import struct
import traceback
import zlib
from collections.abc import Callable
from functools import wraps
from typing import Any, BinaryIO, TypeVar

from PIL import Image, ImageChops, ImageFile

FORMATS = ["JPEG", "PNG", "WEBP", "GIF"]
"""The formats that can be opened. A phone's MPO is a JPEG with more pictures after the first one."""
TYPES = {
    "JPEG": (".jpg", "image/jpeg"),
    "MPO": (".jpg", "image/jpeg"),
    "PNG": (".png", "image/png"),
    "WEBP": (".webp", "image/webp"),
    "GIF": (".gif", "image/gif"),
}
"""The file extension and the media type for each picture format."""

# Limits for files that are made to keep a server busy. Photos stay far below these limits.
MAX_HEADER_READS = 3000  # a part of a header takes about three
MAX_SCANS = 100  # of a JPEG, including their tables: a progressive JPEG has about twenty
MAX_CHUNKS = 1000  # of a PNG, not counting chunks with pixels
MAX_PIXEL_CHUNKS = 40_000  # of a PNG: most programs write one chunk for every 8 kB
MAX_PROFILE_BYTES = 200_000  # a larger color profile is left out
MAX_SIDE = 65_535  # pixels: a JPEG cannot be wider or higher


class UnreadablePicture(ValueError):
    """The file is not a picture, or it is damaged or cut short. The text is Pillow's, for developers."""


class TooManyPixels(UnreadablePicture):
    """The file's header claims more pixels than Pillow decodes."""


# For a damaged file, Pillow raises nearly every built-in exception. `Exception` would be too wide: a task's
# time limit is one, and it says nothing about the picture.
PILLOW_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Image.DecompressionBombError,
    struct.error,
    zlib.error,
)


# The transparent color of a PNG as Pillow has its pixels, for the raw mode of the file.
TO_EIGHT_BITS: dict[str, Callable[[int], int]] = {
    "L;2": lambda value: (value & 3) * 85,
    "L;4": lambda value: (value & 15) * 17,
    "L": lambda value: value & 255,
    "RGB": lambda value: value & 255,
    "RGB;16B": lambda value: value >> 8,
}

Result = TypeVar("Result")


def reads_picture(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let `function(file, …)` raise UnreadablePicture when `file` is the reason for its exception.

    An error of the operating system passes unchanged. So does an exception for a picture that can be decoded,
    because the mistake is in the code then.
    """

    @wraps(function)
    def read(file: BinaryIO, *args: Any, **kwargs: Any) -> Result:
        try:
            return function(file, *args, **kwargs)
        except UnreadablePicture:
            raise
        except PILLOW_ERRORS as error:
            forget_pixels(error)
            if (isinstance(error, OSError) and error.errno) or can_be_decoded(file):
                raise
            kind = TooManyPixels if isinstance(error, Image.DecompressionBombError) else UnreadablePicture
            unreadable = kind(f"{type(error).__name__}: {error}")
        # Not inside the `except`, because the new exception would reference the old one and its local
        # variables.
        raise unreadable

    return read


def forget_pixels(error: BaseException) -> None:
    """Clear the local variables in the traceback of `error`, because they hold the decoded pixels."""
    link: BaseException | None = error
    while link:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__


def can_be_decoded(file: BinaryIO) -> bool:
    """Decode the picture in `file` and nothing else."""
    try:
        with Image.open(HeaderReader(file), formats=FORMATS) as picture:
            picture.load()
    except PILLOW_ERRORS as error:
        forget_pixels(error)
        return False
    return True


class HeaderReader:
    """A file for Pillow, with a limit on the number of reads until the header ends.

    The time that a header takes depends on the number of its parts, not on its bytes.
    """

    def __init__(self, file: BinaryIO):
        self.file = file
        self.reads = 0
        self.in_header = True

    def read(self, size: int = -1) -> bytes:
        self.reads += self.in_header
        if self.reads > MAX_HEADER_READS:
            raise UnreadablePicture("The header has too many parts.")
        return self.file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()


@reads_picture
def open_picture(file: BinaryIO) -> ImageFile.ImageFile:
    """Read the header of the picture in `file`, a binary file object. The pixels are decoded later.

    Raises UnreadablePicture, or TooManyPixels if the picture is too large.
    """
    reader = HeaderReader(file)
    picture = Image.open(reader, formats=FORMATS)
    reader.in_header = False
    frames = [(picture.width, picture.height)]
    frames += [(right - left, bottom - top) for _, (left, top, right, bottom), *_ in picture.tile]
    if any(width <= 0 or height <= 0 for width, height in frames):
        raise UnreadablePicture("The picture has no pixels.")
    if max(map(max, frames)) > MAX_SIDE:  # each row takes time, even a short one
        raise TooManyPixels(f"{picture.width}×{picture.height} is too wide or too high.")
    if has_too_many_parts(file, picture.format):
        raise UnreadablePicture("The picture has too many parts.")
    if len(picture.info.get("icc_profile") or b"") > MAX_PROFILE_BYTES:
        del picture.info["icc_profile"]
    return picture


def picture_format(file: BinaryIO) -> str | None:
    """Return the format of the picture in `file`, or None if it cannot be read. Rewinds the file."""
    try:
        return open_picture(file).format
    except UnreadablePicture:
        return None
    finally:
        file.seek(0)


def is_heic(file: Any) -> bool:
    """Return True if `file`, a binary file object, is a HEIC picture from an iPhone. Pillow can't open it."""
    file.seek(0)
    start = file.read(12)
    return start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1")


def name_and_type(name: str, format: str | None) -> tuple[str, str]:
    """Return the file's name with the right extension, and its media type, for a picture of this format.

    A visitor may call a GIF holiday.html, and a web server would show it as a page, with the scripts in it.
    format: None for a file that is not a picture.
    """
    suffix, media_type = TYPES.get(format or "", ("", "application/octet-stream"))
    stem = os.path.splitext(name)[0].strip(".") or "photo"  # "..." + ".jpg" would have no suffix
    return stem + suffix, media_type


def has_too_many_parts(file: BinaryIO, format: str | None) -> bool:
    """Return True if a JPEG or PNG has so many parts that decoding its pixels would take minutes.

    Doesn't change the position in the file.
    """
    position = file.tell()
    try:
        if format in ("JPEG", "MPO"):
            return has_too_many_scans(file)
        return format == "PNG" and has_too_many_chunks(file)
    finally:
        file.seek(position)


MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd8]")
"""Matches the start of a part of a JPEG, or its end. In encoded pixels, other bytes follow 0xFF."""


def has_too_many_scans(file: BinaryIO) -> bool:
    """Count the parts of a JPEG up to its end. After that, phones may append a second picture or a video."""
    file.seek(0)
    content, place, scans = file.read(), 2, 0
    while (marker := MARKER.search(content, place)) and marker[0] != b"\xff\xd9":
        scans += bool(scans) or marker[0] == b"\xff\xda"
        if scans > MAX_SCANS:
            return True
        place = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
    return False


def has_too_many_chunks(file: BinaryIO) -> bool:
    """Count the chunks of a PNG, with and without pixels."""
    file.seek(8)
    pixels = others = 0
    while len(start := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        if kind == b"IEND":
            return False
        if kind in (b"IDAT", b"fdAT", b"fcTL"):  # the last two are in an animation
            pixels += 1
        else:
            others += 1
        if others > MAX_CHUNKS or pixels > MAX_PIXEL_CHUNKS:
            return True
        file.seek(length + 4, os.SEEK_CUR)
    return False


def exif_value(picture: Image.Image, tag: int) -> Any:
    """Return a value from the EXIF data, or None if it is missing or cannot be read."""
    try:
        return picture.getexif().get(tag)
    except PILLOW_ERRORS:
        return None


def orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8. Without a valid one, the picture counts as upright, which is 1."""
    value = exif_value(picture, 0x0112)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def taken_at(picture: Image.Image) -> str | None:
    """Return when the photo was taken, in EXIF's format "2026:05:01 10:00:00". None if it is invalid."""
    value = exif_value(picture, 0x0132)
    return value[:19] if isinstance(value, str) and value[:19].isprintable() else None


def eight_bits(picture: ImageFile.ImageFile) -> Image.Image:
    """Reduce a PNG and its transparent color to eight bits for each channel.

    Pillow scales the pixels of most PNG files to eight bits, but leaves the transparent color unscaled.
    """
    transparent = picture.info.get("transparency")
    if picture.mode == "I;16":
        # Each pixel is two bytes, the low one first. Read them as the two channels of an "LA" picture.
        low, high = Image.frombytes("LA", picture.size, picture.tobytes()).split()
        result = high
        if isinstance(transparent, int):
            is_transparent = ImageChops.darker(
                low.point([255 * (value == transparent & 255) for value in range(256)]),
                high.point([255 * (value == transparent >> 8) for value in range(256)]),
            )
            result = Image.merge("LA", (high, ImageChops.invert(is_transparent)))
        result.info = {key: value for key, value in picture.info.items() if key != "transparency"}
        return result
    scale = TO_EIGHT_BITS.get(picture.tile[0].args) if picture.format == "PNG" and picture.tile else None
    if scale and transparent is not None:
        picture.info["transparency"] = (
            tuple(scale(value) for value in transparent)
            if isinstance(transparent, tuple)
            else scale(transparent)
        )
    return picture
