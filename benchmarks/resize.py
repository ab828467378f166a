"""Compare the resize function of lesson 01 with the article's calls, a full decode, and libvips."""

import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, features

from benchmarks import plot, resize_variants
from benchmarks.measuring import Goal, alternate, ratio
from benchmarks.resize_variants import LIBVIPS, OURS, PILLOW
from benchmarks.section import Plot, Section, Table
from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos.landscape import scene
from workshop.system.environment import inherited
from workshop.system.percentiles import spread

SIZES = {3: (2000, 1500), 12: (4000, 3000), 48: (8000, 6000)}
"""Width and height, by megapixels."""
FORMATS = {"JPEG": {"quality": 88}, "PNG": {"compress_level": 6}, "WEBP": {"quality": 85, "method": 0}}
NOISE, MEMORY_GOAL = 1.02, 2.0
LIBVIPS_GOALS = {"JPEG": 1.1, "PNG": 1.1, "WEBP": 1.3}
BYTES_GOAL = 1.1
DECODING = "Pillow, decoding only"
"""Not a resize, but the time that any resize needs for decoding with Pillow."""


@dataclass
class Found:
    """The measurements for one picture, by alternative.

    likeness: SSIM and PSNR (dB). memory, results: bytes. `seconds` also contains DECODING.
    """

    bytes: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    likeness: dict[str, tuple[float, float]] = field(default_factory=dict)
    results: dict[str, int] = field(default_factory=dict)


def measure(quick: bool) -> Section:
    """Measure the alternatives in turn, for each format and size.

    Raises WorkshopError if libvips is missing, or if a result has the wrong size or format.
    """
    if resize_variants.pyvips is None:
        raise WorkshopError(
            "This measurement needs libvips. Install it: .venv/bin/python -m pip install 'pyvips[binary]'"
        )
    sizes, rounds = ((3,), 1) if quick else (tuple(SIZES), 7)
    found = {
        (kind, size): _measured(picture(kind, *SIZES[size]), kind, rounds)
        for kind in FORMATS
        for size in sizes
    }
    return _section(found, sizes, rounds)


def picture(kind: str, width: int, height: int) -> bytes:
    """The generated landscape as a camera would save it. A PNG gets no grain: noise compresses badly."""
    content = BytesIO()
    scene(width, height, grain=0 if kind == "PNG" else 14).save(content, kind, **FORMATS[kind])
    return content.getvalue()


def _measured(photo: bytes, kind: str, rounds: int) -> Found:
    every = resize_variants.ways(photo, solution())
    results = {name: way() for name, way in every.items()}
    look(photo, kind, results)
    timed = every if kind == "JPEG" else every | {DECODING: lambda: resize_variants.decoded(photo)}
    found = Found(len(photo), alternate(timed, rounds))
    found.results = {name: len(result) for name, result in results.items()}
    best = reduced(photo)
    found.likeness = {name: likeness(best, result) for name, result in results.items()}
    with tempfile.TemporaryDirectory(prefix="workshop-bench-") as folder:
        file = Path(folder, "photo")
        file.write_bytes(photo)
        found.memory = {name: memory(name, file) for name in every}
    return found


def solution() -> Path:
    return paths.SOLUTIONS / "01-sync/images/resizing.py"


def look(photo: bytes, kind: str, results: dict[str, bytes]) -> None:
    """Raise WorkshopError if a result is not the picture, resized to fit the box."""
    with Image.open(BytesIO(photo)) as original:
        width, height = ImageOps.exif_transpose(original).size
    wanted = kind, resize_variants.fitting((width, height))
    for name, result in results.items():
        with Image.open(BytesIO(result)) as found:
            if (found.format, found.size) != wanted:
                raise WorkshopError(
                    f"{name}: {found.format}, {found.width}×{found.height}. "
                    f"Expected: {wanted[0]}, {wanted[1][0]}×{wanted[1][1]}."
                )


def reduced(photo: bytes):
    """`photo` resized without shortcuts, as an array: all pixels decoded, each channel resized as floats."""
    import numpy

    with Image.open(BytesIO(photo)) as original:
        upright = ImageOps.exif_transpose(original)
    size = resize_variants.fitting(upright.size)
    channels = [
        numpy.asarray(channel.convert("F").resize(size, Image.Resampling.LANCZOS))
        for channel in upright.split()
    ]
    return numpy.stack(channels, axis=-1)


def likeness(best, result: bytes) -> tuple[float, float]:
    """The similarity of `result` to `best`: SSIM, and PSNR in decibels."""
    import numpy

    from benchmarks.image_similarity import psnr, ssim

    with Image.open(BytesIO(result)) as found:
        pixels = numpy.asarray(found.convert("RGB"))
    return ssim(best, pixels), psnr(best, pixels)


def memory(name: str, file: Path) -> int:
    """The peak growth in bytes of a separate process during one resize."""
    done = subprocess.run(
        [sys.executable, "-P", resize_variants.__file__, str(solution()), name, str(file)],
        env=inherited() | {"PYTHONPATH": str(paths.SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WorkshopError(f"The resize with {name!r} failed.\n{done.stderr}")
    return int(done.stdout)


def _section(found: dict[tuple[str, int], Found], sizes: tuple[int, ...], rounds: int) -> Section:
    return Section(
        "resize",
        "Resizing",
        f"A generated landscape ({', '.join(map(str, sizes))} megapixels) is resized to fit 800×600 at "
        "quality 85. Each alternative is a function that takes the bytes of a photo and returns the bytes of "
        f"the result. The alternatives take turns, for {rounds} rounds. The upload form, which accepts up to "
        "50 megapixels and 20 MB, is not involved. The PNG has no grain. kB: the size of the result. RAM: "
        "the peak growth of a process during one resize, after the libraries are loaded. Each resize runs in "
        "a separate process. SSIM and dB (PSNR): the similarity to a reference that decodes every pixel and "
        f"reduces the photo in floating point with LANCZOS. {_versions()}",
        [_table(kind, size, each) for (kind, size), each in found.items()],
        [_plot(found, sizes)] if len(sizes) > 1 else [],
        _goals(found, sizes),
        REMARKS,
    )


REMARKS = [
    "Pillow uses one thread, so the goals use libvips on one thread as well. The tables also show "
    "libvips with its default number of threads.",
    "Our function decodes a JPEG at 1/2, 1/4 or 1/8 of its width and height, using the smallest size that is "
    "still larger than the result (reducing_gap=1.1). So its memory is limited to about four times the "
    "pixels of the result, and doesn't grow with the photo. For PNG and WebP, Pillow has no such decoder. "
    "All pixels are held in memory, at about 4 bytes per pixel for a PNG and 16 for a WebP, and only the "
    "upload form limits how many there are. libvips decodes a PNG line by line, and a WebP at a reduced "
    "size.",
    "For PNG and WebP, the tables also show the time that Pillow needs only to decode the photo. For large "
    "photos, this is longer than the whole resize in libvips, so no setting can reach the goal. QUALITY "
    "configures the encoder: PNG level 3 instead of 6 and WebP method 2 instead of 4 take less than half the "
    "time.",
]


def _table(kind: str, size: int, found: Found) -> Table:
    rows = [
        [
            name,
            spread(found.seconds[name], 0, 1000),
            f"{ratio(found.seconds, name, OURS):.2f}",
            *_of_result(found, name),
        ]
        for name in found.seconds
    ]
    return Table(
        f"{kind}, {size} megapixels, {found.bytes / 1e6:.1f} MB",
        ["", "ms (range)", "× ours", "kB", "RAM, MB", "SSIM", "dB"],
        rows,
    )


def _of_result(found: Found, name: str) -> list[str]:
    if name not in found.results:
        return [""] * 4
    ssim, psnr = found.likeness[name]
    kilobytes, megabytes = found.results[name] / 1e3, found.memory[name] / 1e6
    return [f"{kilobytes:.0f}", f"{megabytes:.1f}", f"{ssim:.4f}", f"{psnr:.1f}"]


def _plot(found: dict[tuple[str, int], Found], sizes: tuple[int, ...]) -> Plot:
    return Plot(
        "resize-time",
        "Milliseconds to resize a JPEG of 3, 12 and 48 megapixels. There is one line for each alternative, "
        "and both axes are logarithmic.",
        plot.lines(
            {
                name: (
                    sizes,
                    [statistics.median(found["JPEG", size].seconds[name]) * 1000 for size in sizes],
                )
                for name in found["JPEG", sizes[0]].seconds
            },
            "megapixels",
            "ms",
            log=True,
        ),
    )


def _goals(found: dict[tuple[str, int], Found], sizes: tuple[int, ...]) -> list[Goal]:
    goals = []
    for (kind, size), each in found.items():
        if kind == "JPEG":
            others = [name for name in PILLOW if name != OURS]
            best = min(others, key=lambda name: statistics.median(each.seconds[name]))
            what = f"JPEG, {size} megapixels: ours / {best}"
            goals.append(Goal(what, ratio(each.seconds, OURS, best), NOISE, at_most=True))
        what = f"{kind}, {size} megapixels: ours / {LIBVIPS}"
        goals.append(Goal(what, ratio(each.seconds, OURS, LIBVIPS), LIBVIPS_GOALS[kind], at_most=True))
        if kind != "JPEG":
            what = f"{kind}, {size} megapixels: bytes of the result, ours / {LIBVIPS}"
            goals.append(Goal(what, each.results[OURS] / each.results[LIBVIPS], BYTES_GOAL, at_most=True))
    if {12, 48} <= set(sizes):
        goals += [
            Goal(
                f"{kind}: memory of ours, 48 / 12 megapixels",
                found[kind, 48].memory[OURS] / found[kind, 12].memory[OURS],
                limit,
                at_most=True,
            )
            for kind, limit in (("JPEG", MEMORY_GOAL), ("PNG", 4.4), ("WEBP", 4.4))
        ]
    return goals


def _versions() -> str:
    parts = ".".join(str(resize_variants.pyvips.version(part)) for part in range(3))
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    return (
        f"Pillow {features.version('pil')} (libjpeg-turbo {jpeg}, one thread), libvips {parts} "
        f"(by default {resize_variants.DEFAULT_THREADS} threads)."
    )
