"""The alternatives for resizing a picture, as a library, and as a program that measures memory.

python ways.py SOURCE NAME FILE     prints the peak memory growth of the alternative NAME, in bytes
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

BOX = (800, 600)
OURS, ARTICLE, WHOLE = "ours", "the article's calls", "full decode, resize()"
LIBVIPS, LIBVIPS_DEFAULT = "libvips, 1 thread", "libvips, default threads"
PILLOW = (OURS, ARTICLE, WHOLE)
OPTIONS = {"JPEG": {"quality": 85}, "WEBP": {"quality": 85}, "PNG": {}}
"""The options for Pillow's save() in the other alternatives: the defaults, except for the quality."""

try:
    import pyvips

    DEFAULT_THREADS = pyvips.concurrency_get()
    pyvips.cache_set_max(0)  # otherwise libvips caches its last result
except (ImportError, OSError):
    pyvips = None


def ways(photo: bytes, solution: Path) -> dict[str, Callable[[], bytes]]:
    """The alternatives for resizing `photo`, by name. Each returns the same format, at quality 85.

    solution: the file resizing.py of a solution.
    """
    resizing = module(solution)
    return {
        OURS: lambda: resizing.resize(BytesIO(photo), *BOX).content,
        ARTICLE: partial(articles_calls, photo),
        WHOLE: partial(decoded_whole, photo),
        LIBVIPS: partial(libvips, photo, 1),
        LIBVIPS_DEFAULT: partial(libvips, photo, DEFAULT_THREADS),
    }


def articles_calls(photo: bytes) -> bytes:
    """What the article's task does with a picture, but keeping the orientation and the color profile."""
    picture = Image.open(BytesIO(photo))
    kind = picture.format
    picture.thumbnail(_box(picture), Image.Resampling.LANCZOS)
    return _saved(ImageOps.exif_transpose(picture), kind)


def decoded_whole(photo: bytes) -> bytes:
    """Decode every pixel, then resize with LANCZOS: the best quality, but the slowest alternative."""
    picture = Image.open(BytesIO(photo))
    resized = picture.resize(fitting(picture.size, _box(picture)), Image.Resampling.LANCZOS)
    return _saved(ImageOps.exif_transpose(resized), picture.format)


def decoded(photo: bytes) -> None:
    """Decode every pixel with Pillow, and nothing more."""
    with Image.open(BytesIO(photo)) as picture:
        picture.load()


def libvips(photo: bytes, threads: int) -> bytes:
    """The thumbnail function of libvips, with at most `threads` threads."""
    pyvips.concurrency_set(threads)
    loader = pyvips.Image.new_from_buffer(photo, "").get("vips-loader")
    picture = pyvips.Image.thumbnail_buffer(photo, BOX[0], height=BOX[1], size="down")
    if loader.startswith("png"):
        return picture.pngsave_buffer(keep="icc")
    if loader.startswith("webp"):
        return picture.webpsave_buffer(Q=85, keep="icc")
    return picture.jpegsave_buffer(Q=85, keep="icc")


def fitting(size: tuple[int, int], box: tuple[int, int] = BOX) -> tuple[int, int]:
    """The size of a picture of `size` that is resized to fit `box`, with the same aspect ratio."""
    return ImageOps.contain(Image.new("1", size), box).size


def _box(picture: Image.Image) -> tuple[int, int]:
    """The box in the orientation in which the pixels are stored."""
    return BOX[::-1] if picture.getexif().get(0x0112, 1) >= 5 else BOX


def _saved(picture: Image.Image, kind: str) -> bytes:
    content = BytesIO()
    picture.save(content, kind, icc_profile=picture.info.get("icc_profile"), **OPTIONS[kind])
    return content.getvalue()


def module(file: Path):
    """Import the module in `file` as part of its app, so that it can import the app's other modules."""
    name = f"app_in_{file.parent}".replace(".", "_")
    package = importlib.util.spec_from_file_location(
        name, file.with_name("__init__.py"), submodule_search_locations=[str(file.parent)]
    )
    sys.modules[name] = importlib.util.module_from_spec(package)
    return importlib.import_module(f"{name}.{file.stem}")


def _high_water() -> int:
    """The peak memory of this process, in bytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):  # ru_maxrss includes the memory of the parent process
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    solution, name, file = sys.argv[1:]
    tiny = BytesIO()
    with open(file, "rb") as stream:
        photo = stream.read()
    Image.new("RGB", (16, 12)).save(tiny, Image.open(BytesIO(photo)).format)
    ways(tiny.getvalue(), Path(solution))[name]()  # loads the libraries and codecs
    before = _high_water()
    ways(photo, Path(solution))[name]()
    print(_high_water() - before)
