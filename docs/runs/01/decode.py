"""Measure three ways to resize a 12-megapixel photo, each in a separate process."""

import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parents[3] / "samples"
BOX, LANCZOS = (800, 600), Image.Resampling.LANCZOS


def resized(picture):
    picture.resize(BOX, LANCZOS)


def thumbnail(picture):
    picture.thumbnail(BOX, LANCZOS)


def thumbnail_with_reducing_gap(picture):
    picture.thumbnail(BOX, LANCZOS, reducing_gap=1.1)


def measure(way, path):
    """Return the median time of seven runs in milliseconds, and the memory of the first run in megabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        with Image.open(path) as picture:
            way(picture)
        seconds.append(time.perf_counter() - began)
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return statistics.median(seconds) * 1000, megabytes


if __name__ == "__main__":
    file = SAMPLES / Path(sys.argv[1] if len(sys.argv) > 1 else "held-upright.jpg").name
    if not file.is_file():
        sys.exit(f"samples/ doesn't contain {file.name}. To write the sample files, run ./workshop samples.")
    for way in (resized, thumbnail, thumbnail_with_reducing_gap):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            milliseconds, megabytes = process.submit(measure, way, file).result()
        print(f"{way.__name__:<28} {milliseconds:4.0f} ms   {megabytes:3.0f} MB")
