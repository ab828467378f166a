"""The alternatives for resizing a picture. Run as a program, the module measures one alternative's memory.

    python resize_variants.py SOLUTION NAME FILE

The program prints the peak memory growth of the alternative NAME, in bytes.
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
"""The options that ARTICLE and WHOLE pass to Pillow's save(). Only the quality differs from the default."""

try:
    import pyvips

    DEFAULT_THREADS = pyvips.concurrency_get()
    pyvips.cache_set_max(0)  # otherwise libvips caches its last result
except (ImportError, OSError):
    pyvips = None


def variants(photo: bytes, solution: Path) -> dict[str, Callable[[], bytes]]:
    """Return the alternatives for resizing `photo`, by name.

    Args:
        photo: The bytes of the picture.
        solution: The path of a solution's resizing.py.

    Returns:
        Functions that return the bytes of the resized picture in the same format, at quality 85.
    """
    resizing = import_module(solution)
    return {
        OURS: lambda: resizing.resize(BytesIO(photo), *BOX).content,
        ARTICLE: partial(thumbnail, photo),
        WHOLE: partial(full_decode, photo),
        LIBVIPS: partial(libvips, photo, 1),
        LIBVIPS_DEFAULT: partial(libvips, photo, DEFAULT_THREADS),
    }


def thumbnail(photo: bytes) -> bytes:
    """Resize a picture as the article's task does, but keep the orientation and the color profile."""
    picture = Image.open(BytesIO(photo))
    kind = picture.format
    picture.thumbnail(_stored_box(picture), Image.Resampling.LANCZOS)
    return _saved(ImageOps.exif_transpose(picture), kind)


def full_decode(photo: bytes) -> bytes:
    """Decode every pixel, then resize with LANCZOS. This alternative is slowest but has the best quality."""
    picture = Image.open(BytesIO(photo))
    resized = picture.resize(fitting(picture.size, _stored_box(picture)), Image.Resampling.LANCZOS)
    return _saved(ImageOps.exif_transpose(resized), picture.format)


def decode(photo: bytes) -> None:
    """Decode every pixel with Pillow, without resizing the picture."""
    with Image.open(BytesIO(photo)) as picture:
        picture.load()


def libvips(photo: bytes, threads: int) -> bytes:
    """Resize a picture with the thumbnail function of libvips, on at most `threads` threads."""
    pyvips.concurrency_set(threads)
    loader = pyvips.Image.new_from_buffer(photo, "").get("vips-loader")
    picture = pyvips.Image.thumbnail_buffer(photo, BOX[0], height=BOX[1], size="down")
    if loader.startswith("png"):
        return picture.pngsave_buffer(keep="icc")
    if loader.startswith("webp"):
        return picture.webpsave_buffer(Q=85, keep="icc")
    return picture.jpegsave_buffer(Q=85, keep="icc")


def fitting(size: tuple[int, int], box: tuple[int, int] = BOX) -> tuple[int, int]:
    """Return the largest size that fits in `box` and has the aspect ratio of `size`."""
    return ImageOps.contain(Image.new("1", size), box).size


def _stored_box(picture: Image.Image) -> tuple[int, int]:
    """Return BOX, with its sides swapped if the picture is stored rotated by 90 degrees."""
    return BOX[::-1] if picture.getexif().get(0x0112, 1) >= 5 else BOX


def _saved(picture: Image.Image, kind: str) -> bytes:
    content = BytesIO()
    picture.save(content, kind, icc_profile=picture.info.get("icc_profile"), **OPTIONS[kind])
    return content.getvalue()


def import_module(file: Path):
    """Import the module in `file` as part of its app, so that the module can import others from the app."""
    name = f"app_in_{file.parent}".replace(".", "_")
    package = importlib.util.spec_from_file_location(
        name, file.with_name("__init__.py"), submodule_search_locations=[str(file.parent)]
    )
    sys.modules[name] = importlib.util.module_from_spec(package)
    return importlib.import_module(f"{name}.{file.stem}")


def _peak_memory() -> int:
    """Return the peak memory of this process, in bytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):  # ru_maxrss includes the memory of the parent process
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(solution: Path, name: str, file: Path) -> None:
    """Resize a tiny picture to load the libraries and codecs, and then measure the resize of `file`."""
    photo, tiny = file.read_bytes(), BytesIO()
    Image.new("RGB", (16, 12)).save(tiny, Image.open(BytesIO(photo)).format)
    variants(tiny.getvalue(), solution)[name]()
    before = _peak_memory()
    variants(photo, solution)[name]()
    print(_peak_memory() - before)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
