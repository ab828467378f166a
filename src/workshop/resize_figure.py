"""How fast and how good the resize of lesson 01 is: against the article's calls, and against libvips."""

import importlib.util
import math
import statistics
from collections.abc import Callable
from functools import partial
from io import BytesIO
from types import ModuleType

from PIL import Image, ImageOps, features
from rich.table import Table

from . import paths, samples
from .console import console
from .errors import WorkshopError
from .figures import Goal, alternate, ratio

ROUNDS = 11
BOX = (800, 600)
OURS, ARTICLE, WHOLE = "ours", "the article's calls", "decoded whole, resize()"
ARTICLE_GOAL, LIBVIPS_GOAL = 1.4, 1.1

try:
    import pyvips

    DEFAULT_THREADS = pyvips.concurrency_get()
except (ImportError, OSError):
    pyvips = None


def measure() -> list[Goal]:
    """Measure a photo of 12 megapixels, lying and to be turned; print the tables, return the goals.

    Raises WorkshopError where libvips is missing.
    """
    if pyvips is None:
        raise WorkshopError(
            "This figure needs libvips. Install it: .venv/bin/python -m pip install 'pyvips[binary]'"
        )
    pyvips.cache_set_max(0)  # else libvips remembers its last result
    console.print(_versions(), markup=False, soft_wrap=True)
    goals = []
    for shown, orientation in (("lying", 1), ("to be turned", 6)):
        photo = samples.photo(4032, 3024, orientation=orientation, gps=True, icc=True)
        found = ways(photo)
        seconds = alternate(found, ROUNDS)
        lines = fine_lines(orientation)
        likenesses = {
            name: (likeness(photo, way()), likeness(lines, on_lines()))
            for (name, way), on_lines in zip(found.items(), ways(lines).values(), strict=True)
        }
        console.print(_table(f"12 megapixels, {shown}", photo, found, seconds, likenesses))
        console.print(_remark(likenesses), markup=False, soft_wrap=True)
        goals += [Goal(f"{shown}: {ARTICLE} / ours", ratio(seconds, ARTICLE, OURS), ARTICLE_GOAL)]
        goals += [
            Goal(f"{shown}: ours / {name}", ratio(seconds, OURS, name), LIBVIPS_GOAL, at_most=True)
            for name in found
            if name.startswith("libvips")
        ]
    return goals


def ways(photo: bytes) -> dict[str, Callable[[], bytes]]:
    """The ways to resize `photo`, by name. Each returns a JPEG of quality 85: upright, with its profile."""
    resizing = _solution()
    found = {
        OURS: lambda: resizing.resize(BytesIO(photo), *BOX).content,
        ARTICLE: partial(articles_calls, photo),
        WHOLE: partial(decoded_whole, photo),
    }
    for count in sorted({1, DEFAULT_THREADS}):
        name = f"libvips, {count} thread{'s' if count > 1 else ''}"
        found[name] = partial(libvips, photo, count)
    return found


def articles_calls(photo: bytes) -> bytes:
    """What the article's task does with a picture; the orientation and the profile, which it loses, added."""
    picture = Image.open(BytesIO(photo))
    picture.thumbnail(_box(picture), Image.Resampling.LANCZOS)
    return _saved(ImageOps.exif_transpose(picture))


def decoded_whole(photo: bytes) -> bytes:
    """Every pixel is decoded, then made smaller: the best that LANCZOS can do, and the slowest."""
    picture = Image.open(BytesIO(photo))
    return _saved(ImageOps.exif_transpose(picture.resize(_fitting(picture), Image.Resampling.LANCZOS)))


def libvips(photo: bytes, threads: int) -> bytes:
    """libvips' own thumbnail, with `threads` threads at most."""
    pyvips.concurrency_set(threads)
    picture = pyvips.Image.thumbnail_buffer(photo, BOX[0], height=BOX[1], size="down")
    return picture.jpegsave_buffer(Q=85, keep="icc")


def fine_lines(orientation: int) -> bytes:
    """A JPEG of rings that become finer outwards: they show where a shortcut makes patterns of lines."""
    rings = ((pyvips.Image.zone(4032, 3024) + 1) * 127.5).cast("uchar")
    picture = Image.frombytes("L", (4032, 3024), rings.write_to_memory()).convert("RGB")
    content, exif = BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    picture.save(content, "JPEG", quality=92, exif=exif)
    return content.getvalue()


def likeness(photo: bytes, result: bytes) -> float:
    """How near `result` is to `photo` reduced without any shortcut, in decibels (PSNR): more is better.

    For the comparison every pixel of the photo is decoded and each colour is resized in floating point.
    """
    with Image.open(BytesIO(photo)) as whole, Image.open(BytesIO(result)) as picture:
        upright = ImageOps.exif_transpose(whole)
        errors = []
        for best, found in zip(upright.split(), picture.split(), strict=True):
            best = best.convert("F").resize(picture.size, Image.Resampling.LANCZOS)
            errors.append(((_pixels(best) - _pixels(found.convert("F"))) ** 2).avg())
    return 10 * math.log10(255**2 / statistics.mean(errors))


def _pixels(picture: Image.Image) -> "pyvips.Image":
    return pyvips.Image.new_from_memory(picture.tobytes(), picture.width, picture.height, 1, "float")


def _box(picture: Image.Image) -> tuple[int, int]:
    """The box for the pixels as they are stored."""
    return BOX[::-1] if picture.getexif().get(0x0112, 1) >= 5 else BOX


def _fitting(picture: Image.Image) -> tuple[int, int]:
    return ImageOps.contain(Image.new("1", picture.size), _box(picture)).size


def _saved(picture: Image.Image) -> bytes:
    content = BytesIO()
    picture.save(content, "JPEG", quality=85, icc_profile=picture.info.get("icc_profile"))
    return content.getvalue()


def _solution() -> ModuleType:
    """images/resizing.py of lesson 01's solution. It needs no Django."""
    file = paths.SOLUTIONS / "01-sync/images/resizing.py"
    specification = importlib.util.spec_from_file_location("solution_resizing", file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _versions() -> str:
    libvips = ".".join(str(pyvips.version(part)) for part in range(3))
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    return (
        f"  Pillow {features.version('pil')} (libjpeg-turbo {jpeg}, one thread) · libvips {libvips} "
        f"(by default {DEFAULT_THREADS} threads) · {ROUNDS} rounds, the ways in turn\n"
        "  ours: the resize of lesson 01 · ms: median · dB: likeness (PSNR) to the photo, or fine\n"
        "  lines, reduced in floating point without shortcuts"
    )


def _remark(likenesses: dict[str, tuple[float, float]]) -> str:
    """Says it when the times belong to pictures that are not equally good."""
    behind = likenesses["libvips, 1 thread"][1] - likenesses[OURS][1]
    if behind < 1:
        return "  On fine lines ours is as good as libvips."
    return f"  NOT the same picture: on fine lines ours is {behind:.1f} dB behind libvips."


def _table(
    title: str,
    photo: bytes,
    found: dict[str, Callable[[], bytes]],
    seconds: dict[str, list[float]],
    likenesses: dict[str, tuple[float, float]],
) -> Table:
    table = Table(title=f"{title}, {len(photo) / 1e6:.1f} MB", title_justify="left", box=None)
    table.add_column("", no_wrap=True)
    for heading in ("ms", "range", "× ours", "picture", "kB", "dB", "dB, lines"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, way in found.items():
        result, times = way(), seconds[name]
        with Image.open(BytesIO(result)) as picture:
            size = f"{picture.width}×{picture.height}"
        table.add_row(
            name,
            f"{statistics.median(times) * 1000:.0f}",
            f"{min(times) * 1000:.0f}–{max(times) * 1000:.0f}",
            f"{ratio(seconds, name, OURS):.2f}",
            size,
            f"{len(result) / 1000:.1f}",
            *(f"{decibels:.1f}" for decibels in likenesses[name]),
        )
    return table
