"""Resize files from samples/ with the resize() in playground/01-sync, and print the results."""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path("playground/01-sync").resolve()))

from images.resizing import resize

SAMPLES = Path("samples")


def described(content):
    with Image.open(BytesIO(content)) as picture:
        exif = picture.getexif()
        words = [f"{picture.format:<5}{picture.mode:<5}{picture.width:>4}×{picture.height}"]
        words += [f"orientation {exif[0x0112]}"] if 0x0112 in exif else []
        words += ["GPS position"] if exif.get_ifd(0x8825) else []
        words += ["ICC profile"] if "icc_profile" in picture.info else []
        return ", ".join(words)


for name in sys.argv[1:]:
    content = (SAMPLES / name).read_bytes()
    print(f"{name:<16}  {described(content)}")
    try:
        result = described(resize(BytesIO(content)).content)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    print(f"{'  resized':<16}  {result}")
