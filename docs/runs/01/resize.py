"""Resize files from samples/ with the resize() in playground/01-sync, and print the results."""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "samples"
PROJECT = ROOT / "playground/01-sync"


def described(content):
    with Image.open(BytesIO(content)) as picture:
        exif = picture.getexif()
        words = [f"{picture.format:<5}{picture.mode:<5}{picture.width:>4}×{picture.height}"]
        words += [f"orientation {exif[0x0112]}"] if 0x0112 in exif else []
        words += ["GPS position"] if exif.get_ifd(0x8825) else []
        words += ["ICC profile"] if "icc_profile" in picture.info else []
        return ", ".join(words)


names = [Path(name).name for name in sys.argv[1:]]
if not PROJECT.exists():
    sys.exit("Start lesson 01 first:  ./workshop start 01")
if not names:
    sys.exit("Pass the names of files in samples/, for example held-upright.jpg.")
if missing := [name for name in names if not (SAMPLES / name).is_file()]:
    sys.exit(
        f"samples/ doesn't contain {', '.join(missing)}. To write the sample files, run ./workshop samples."
    )

sys.path.insert(0, str(PROJECT))
from images.resizing import resize  # noqa: E402

for name in names:
    content = (SAMPLES / name).read_bytes()
    print(f"{name:<16}  {described(content)}")
    try:
        result = described(resize(BytesIO(content)).content)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    print(f"{'  resized':<16}  {result}")
