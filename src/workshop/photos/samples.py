"""Generate sample photos for the site. The photos show no copyrighted material and no real location."""

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageDraw

from workshop import paths
from workshop.console import in_bytes, say
from workshop.errors import WorkshopError
from workshop.photos import concurrent_uploads
from workshop.photos.landscape import scene
from workshop.runtime import up_state
from workshop.system import atomic_file

STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""The transformation that turns an upright picture into the stored picture, for each EXIF orientation."""
GREENWICH = {1: "N", 2: (51.0, 28.0, 40.0), 3: "W", 4: (0.0, 0.0, 5.0)}


@dataclass(frozen=True)
class Sample:
    """A sample file.

    Attributes:
        name: The file's name.
        purpose: A short description of what is special about the file.
        content: A function that returns the file's bytes.
        outcome: The expected outcome of an upload: "resized", "refused" if the upload form rejects the file,
            or "failed" if the form accepts the file but the resize fails.
    """

    name: str
    purpose: str
    content: Callable[[], bytes]
    outcome: str = "resized"


@cache
def photo(
    width: int, height: int, seed: int = 0, orientation: int = 1, gps: bool = False, icc: bool = False
) -> bytes:
    """Return a JPEG of a landscape (about 0.3 bytes per pixel).

    The same arguments always produce the same bytes.

    Args:
        width: The width of the stored picture in pixels.
        height: The height of the stored picture in pixels.
        seed: The seed of the random number generator for the hills and clouds.
        orientation: The EXIF orientation, from 1 to 8. With 5 to 8, the photo is displayed rotated by 90°.
        gps: Whether to add a GPS position.
        icc: Whether to add the sRGB color profile.

    Raises:
        KeyError: The orientation is not between 1 and 8.
    """
    rotation = STORED_AS[orientation]
    picture = scene(*((height, width) if orientation >= 5 else (width, height)), seed=seed)
    if rotation is not None:
        picture = picture.transpose(rotation)
    return _encoded(picture, "JPEG", quality=88, **_metadata(orientation, gps, icc))


def _metadata(orientation: int, gps: bool, icc: bool) -> dict:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Workshop", "Painted photo", orientation
    if gps:
        exif.get_ifd(0x8825).update(GREENWICH)
    return {"exif": exif, "icc_profile": _profile() if icc else None}


def _profile() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)  # replaces the current time
    return bytes(profile)


def _encoded(picture: Image.Image, format: str, **options) -> bytes:
    content = BytesIO()
    picture.save(content, format, **options)
    return content.getvalue()


def _two_pictures() -> bytes:
    # As in a phone's file, the photo is followed by a small gray picture for HDR screens.
    gain = scene(1008, 756, grain=0).convert("L").convert("RGB")
    metadata = _metadata(orientation=1, gps=True, icc=True)
    return _encoded(scene(4032, 3024), "MPO", save_all=True, append_images=[gain], quality=88, **metadata)


def _transparent() -> bytes:
    picture, mask = scene(1200, 900, grain=0), Image.new("L", (1200, 900), 0)
    ImageDraw.Draw(mask).rounded_rectangle((60, 60, 1140, 840), 120, fill=255)
    picture.putalpha(mask)
    return _encoded(picture, "PNG")


def _animated() -> bytes:
    first, *others = (scene(480, 360, grain=0, sun=place / 8) for place in range(1, 8))
    return _encoded(first, "GIF", save_all=True, append_images=others, duration=200, loop=0)


def _bomb() -> bytes:
    """Return a PNG of about 60 bytes whose header claims a size of 30000×30000 pixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1))), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PHONE_PHOTO = Sample(
    "held-upright.jpg",
    "12 megapixels, stored on its side, with GPS position and color profile",
    partial(photo, 4032, 3024, orientation=6, gps=True, icc=True),
)
SAMPLES = (
    PHONE_PHOTO,
    Sample("phone.jpg", "two pictures in one file (MPO), as many phones save them", _two_pictures),
    Sample("transparent.png", "transparent rounded corners", _transparent),
    Sample(
        "web.webp",
        "a 3-megapixel WebP",
        lambda: _encoded(scene(2016, 1512), "WEBP", quality=85, method=2),
    ),
    Sample(
        "print.jpg",
        "a JPEG in a printer's four ink colors (CMYK)",
        lambda: _encoded(scene(2016, 1512).convert("CMYK"), "JPEG", quality=88),
    ),
    Sample("animated.gif", "seven pictures, of which only the first is kept", _animated),
    Sample("small.jpg", "320×240, must not be enlarged", partial(photo, 320, 240)),
    Sample(
        "cut-short.jpg",
        "the first half of a photo: stored, but the resize fails",
        lambda: PHONE_PHOTO.content()[: len(PHONE_PHOTO.content()) // 2],
        "failed",
    ),
    Sample(
        "text.jpg",
        "a text file named like a photo: rejected",
        lambda: b"This is no photo.\n" * 20,
        "refused",
    ),
    Sample("bomb.png", "a tiny file that claims to have 900 megapixels: rejected", _bomb, "refused"),
)


def make(folder: Path, wanted: tuple[Sample, ...] = SAMPLES) -> Iterator[tuple[Sample, bool]]:
    """Write samples to `folder`, one at a time. Existing files are not changed.

    Yields:
        Each sample, and whether its file has just been written (False if the file already existed).

    Raises:
        WorkshopError: The folder is not writable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sample in wanted:
            target = folder / sample.name
            missing = not target.exists()
            if missing:
                atomic_file.write_bytes(target, sample.content())
            yield sample, missing
    except OSError as error:
        raise WorkshopError(
            f"The photos cannot be written to {paths.shown(folder)} ({error.strerror}). Choose another "
            "folder: ./workshop samples FOLDER"
        ) from None


def main(folder: str | None, upload: int | None, port: int | None = None) -> int:
    """Create the samples, or upload large photos to the site. Returns the exit code.

    Args:
        folder: The folder for the samples (default: `samples` in the clone).
        upload: The number of photos to upload, or None to create the samples without uploading anything.
        port: The site's port (default: the port of the running `up`, or 8000).
    """
    place = Path(folder).expanduser() if folder else paths.ROOT / "samples"
    if upload is not None:
        return concurrent_uploads.main(_site(port), upload, _phone_photo(place))
    started, written = time.perf_counter(), 0
    for sample, new in make(place):
        written += new
        size = (place / sample.name).stat().st_size
        say(f"  {sample.name:<17}{in_bytes(size):>8}  {sample.purpose}", hang=29)
    kept = f", {len(SAMPLES) - written} already existed" if written < len(SAMPLES) else ""
    seconds = time.perf_counter() - started
    say(
        f"{written} written to {paths.shown(place)} in {seconds:.1f} s{kept}.\n"
        "Upload them in the browser, or upload ten large photos at once: ./workshop samples --upload 10"
    )
    return 0


def _site(port: int | None) -> str:
    """Return the site's address. The default port is the port that the running `up` uses, or 8000."""
    if port is None and (address := up_state.read().get("addresses", {}).get("site")):
        return address
    return f"http://localhost:{port or 8000}"


def _phone_photo(folder: Path) -> bytes:
    """Return the content of PHONE_PHOTO's file in `folder`. A learner may have replaced this file."""
    list(make(folder, (PHONE_PHOTO,)))
    return (folder / PHONE_PHOTO.name).read_bytes()
