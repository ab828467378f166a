"""Compare the resize function of lesson 01 with the calls in the article, a full decode, and libvips."""

import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, features

from benchmarks import line_plot, resize_variants
from benchmarks.measuring import ratio, time_in_turn
from benchmarks.resize_variants import LIBVIPS, OURS, PILLOW
from benchmarks.section import Cell, Goal, Plot, Section, Table
from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos.landscape import scene
from workshop.system.environment import inherited
from workshop.system.percentiles import spread

SIZES = {3: (2000, 1500), 12: (4000, 3000), 48: (8000, 6000)}
"""The width and height of each picture in pixels, by megapixels."""
FORMATS = {"JPEG": {"quality": 88}, "PNG": {"compress_level": 6}, "WEBP": {"quality": 85, "method": 0}}
ROUNDS = 7
NOISE = 1.02
LIBVIPS_GOALS = {"JPEG": 1.1, "PNG": 1.1, "WEBP": 1.3}
BYTES_GOAL = 1.1
MEMORY_GOALS = {"JPEG": 2.0, "PNG": 4.4, "WEBP": 4.4}
DECODING = "Pillow, decoding only"
"""The label of the row that shows how long Pillow takes to decode a picture without resizing it."""
REMARKS = [
    "Pillow uses one thread, so the goals compare our function with libvips on one thread. The tables also "
    "show libvips with its default number of threads.",
    "Our function decodes a JPEG at 1/2, 1/4 or 1/8 of its width and height, using the smallest size that is "
    "still larger than the result (reducing_gap=1.1). So the function holds at most about four times as many "
    "pixels in memory as the result has, no matter how large the photo is. For PNG and WebP, Pillow has no "
    "such decoder, so it holds all pixels in memory, at about 4 bytes per pixel for a PNG and 16 for a WebP. "
    "Only the upload form limits the number of pixels. libvips decodes a PNG line by line, and a WebP at a "
    "reduced size.",
    "For PNG and WebP, the tables also show how long Pillow takes just to decode the photo. For large "
    "photos, this is longer than the whole resize in libvips, so no setting can reach the goal. QUALITY "
    "configures the encoder: PNG level 3 instead of 6 and WebP method 2 instead of 4 take less than half the "
    "time.",
]


@dataclass
class Measured:
    """The measurements for one picture, by alternative.

    Attributes:
        bytes: The size of the picture in bytes.
        seconds: The durations of each resize and of decoding alone, in seconds.
        memory: The peak growth of a process's memory during a resize, in bytes.
        similarity: The similarity to the reference result, as SSIM and as PSNR in decibels.
        results: The size of the resized picture in bytes.
    """

    bytes: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    similarity: dict[str, tuple[float, float]] = field(default_factory=dict)
    results: dict[str, int] = field(default_factory=dict)


Pictures = dict[tuple[str, int], Measured]
"""The measurements for each picture, by format and megapixels."""


def measure(quick: bool) -> Section:
    """Measure the alternatives in turn, for each format and size.

    Raises:
        WorkshopError: If libvips is not installed.
    """
    if resize_variants.pyvips is None:
        raise WorkshopError(
            "This measurement needs libvips. Install it: .venv/bin/python -m pip install 'pyvips[binary]'"
        )
    sizes, rounds = ([3], 1) if quick else (list(SIZES), ROUNDS)
    pictures = {
        (kind, size): _measured(picture(kind, *SIZES[size]), kind, rounds)
        for kind in FORMATS
        for size in sizes
    }
    return _section(pictures, sizes, rounds)


def picture(kind: str, width: int, height: int) -> bytes:
    """Return a generated landscape as the bytes of a picture file, encoded as a camera would encode it.

    A PNG has no film grain, because noise doesn't compress well.
    """
    content = BytesIO()
    scene(width, height, grain=0 if kind == "PNG" else 14).save(content, kind, **FORMATS[kind])
    return content.getvalue()


def _measured(photo: bytes, kind: str, rounds: int) -> Measured:
    variants = resize_variants.variants(photo, solution())
    results = {name: resize() for name, resize in variants.items()}
    check_results(photo, kind, results)
    decoding = {} if kind == "JPEG" else {DECODING: lambda: resize_variants.decode(photo)}
    best = reference(photo)
    with tempfile.TemporaryDirectory(prefix="workshop-bench-") as folder:
        file = Path(folder, "photo")
        file.write_bytes(photo)
        return Measured(
            len(photo),
            seconds=time_in_turn(variants | decoding, rounds),
            memory={name: peak_memory(name, file) for name in variants},
            similarity={name: similarity(best, result) for name, result in results.items()},
            results={name: len(result) for name, result in results.items()},
        )


def solution() -> Path:
    """Return the path of the file that contains the resize function of lesson 01."""
    return paths.SOLUTIONS / "01-sync/images/resizing.py"


def check_results(photo: bytes, kind: str, results: dict[str, bytes]) -> None:
    """Check that each result is a picture in the format of the original, resized to fit the box.

    Raises:
        WorkshopError: If a result has the wrong size or format.
    """
    with Image.open(BytesIO(photo)) as original:
        width, height = resize_variants.fitting(ImageOps.exif_transpose(original).size)
    for name, result in results.items():
        with Image.open(BytesIO(result)) as resized:
            if (resized.format, resized.size) != (kind, (width, height)):
                raise WorkshopError(
                    f"{name}: {resized.format}, {resized.width}×{resized.height}. "
                    f"Expected: {kind}, {width}×{height}."
                )


def reference(photo: bytes):
    """Resize `photo` without shortcuts: decode all pixels, and resize each channel in floating point.

    Returns:
        An array of the shape (height, width, channels).
    """
    import numpy

    with Image.open(BytesIO(photo)) as original:
        upright = ImageOps.exif_transpose(original)
    size = resize_variants.fitting(upright.size)
    channels = [
        numpy.asarray(channel.convert("F").resize(size, Image.Resampling.LANCZOS))
        for channel in upright.split()
    ]
    return numpy.stack(channels, axis=-1)


def similarity(best, result: bytes) -> tuple[float, float]:
    """Return the similarity of `result` to the array `best`, as SSIM and as PSNR in decibels."""
    import numpy

    from benchmarks.image_similarity import psnr, ssim

    with Image.open(BytesIO(result)) as resized:
        pixels = numpy.asarray(resized.convert("RGB"))
    return ssim(best, pixels), psnr(best, pixels)


def peak_memory(name: str, file: Path) -> int:
    """Measure the peak memory growth of a separate process during one resize.

    Args:
        name: The name of the alternative.
        file: The path of the photo.

    Returns:
        The memory growth in bytes.

    Raises:
        WorkshopError: If the resize failed.
    """
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


def _section(pictures: Pictures, sizes: list[int], rounds: int) -> Section:
    return Section(
        "resize",
        "Resizing",
        f"A generated landscape ({', '.join(map(str, sizes))} megapixels) is resized to fit into 800×600 "
        "pixels, at quality 85. Each alternative is a function that takes the bytes of a photo and returns "
        f"the bytes of the resized photo. The alternatives take turns for {rounds} rounds. The upload form, "
        "which accepts up to 50 megapixels and 20 MB, is not involved. The PNG has no film grain. The “kB” "
        "column shows the size of the result. The “RAM” column shows the peak growth of a process's memory "
        "during one resize, after the libraries are loaded. Each resize runs in a separate process. SSIM and "
        "dB (PSNR) measure the similarity to a reference result, for which all pixels are decoded and the "
        f"photo is reduced in floating point with LANCZOS. Versions: {_versions()}",
        [_table(kind, size, measured) for (kind, size), measured in pictures.items()],
        [_plot(pictures, sizes)] if len(sizes) > 1 else [],
        _goals(pictures),
        REMARKS,
    )


def _table(kind: str, size: int, measured: Measured) -> Table:
    rows = []
    for name, seconds in measured.seconds.items():
        row: list[Cell] = [name, spread(seconds, 0, 1000), f"{ratio(measured.seconds, name, OURS):.2f}"]
        if name == DECODING:
            row += [""] * 4
        else:
            ssim, psnr = measured.similarity[name]
            row += [f"{measured.results[name] / 1e3:.0f}", f"{measured.memory[name] / 1e6:.1f}"]
            row += [f"{ssim:.4f}", f"{psnr:.1f}"]
        rows.append(row)
    return Table(
        f"{kind}, {size} megapixels, {measured.bytes / 1e6:.1f} MB",
        ["", "ms (range)", "× ours", "kB", "RAM, MB", "SSIM", "dB"],
        rows,
    )


def _plot(pictures: Pictures, sizes: list[int]) -> Plot:
    milliseconds = {
        name: [statistics.median(pictures["JPEG", size].seconds[name]) * 1000 for size in sizes]
        for name in pictures["JPEG", sizes[0]].seconds
    }
    return Plot(
        "resize-time",
        "The plot shows how long each alternative takes to resize a JPEG of 3, 12 and 48 megapixels, in "
        "milliseconds. Both axes are logarithmic.",
        line_plot.draw({name: (sizes, values) for name, values in milliseconds.items()}, "megapixels", "ms"),
    )


def _goals(pictures: Pictures) -> list[Goal]:
    goals = []

    def at_most(limit: float, what: str, value: float) -> None:
        goals.append(Goal(what, value, limit, at_most=True))

    for (kind, size), measured in pictures.items():
        title, seconds, results = f"{kind}, {size} megapixels", measured.seconds, measured.results
        if kind == "JPEG":
            others = [name for name in PILLOW if name != OURS]
            best = min(others, key=lambda name: statistics.median(seconds[name]))
            at_most(NOISE, f"{title}: time of our function compared with {best}", ratio(seconds, OURS, best))
        what = f"{title}: time of our function compared with {LIBVIPS}"
        at_most(LIBVIPS_GOALS[kind], what, ratio(seconds, OURS, LIBVIPS))
        if kind != "JPEG":
            what = f"{title}: bytes of our result compared with {LIBVIPS}"
            at_most(BYTES_GOAL, what, results[OURS] / results[LIBVIPS])
    for kind, limit in MEMORY_GOALS.items():
        if (kind, 48) in pictures:
            growth = pictures[kind, 48].memory[OURS] / pictures[kind, 12].memory[OURS]
            what = f"{kind}: memory of our function with 48 megapixels, compared with 12 megapixels"
            at_most(limit, what, growth)
    return goals


def _versions() -> str:
    libvips = ".".join(str(resize_variants.pyvips.version(part)) for part in range(3))
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    return (
        f"Pillow {features.version('pil')} (libjpeg-turbo {jpeg}, one thread), libvips {libvips} "
        f"(by default {resize_variants.DEFAULT_THREADS} threads)."
    )
