"""Resize pictures of different shapes with the resize() in playground/01-sync, and print their new sizes."""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

PROJECT = Path(__file__).parents[3] / "playground/01-sync"
if not PROJECT.exists():
    sys.exit("Start lesson 01 first:  ./workshop start 01")

sys.path.insert(0, str(PROJECT))
from images.resizing import resize  # noqa: E402

for size in ((4032, 3024), (1200, 1000), (3000, 1000), (1000, 3000), (320, 240)):
    file = BytesIO()
    Image.new("RGB", size).save(file, "JPEG")
    file.seek(0)
    resized = resize(file)
    print(f"{size[0]:>5}×{size[1]:<5} becomes {resized.width:>4}×{resized.height}")
