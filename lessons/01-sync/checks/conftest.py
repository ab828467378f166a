"""What the checks of resizing.py share."""

import re
import traceback
from pathlib import Path

import pytest
from PIL import Image

from workshop.checkkit import complain
from workshop.checkkit.worker import place_in

OF_A_PICTURE = "|".join(dir(Image.new("L", (1, 1))))

CAUSES = {
    rf"'NoneType' object has no attribute '({OF_A_PICTURE})'$": "One of your functions gives back None in place "
    "of a picture. thumbnail() and exif_transpose(in_place=True) change the picture where it is and return "
    "nothing: return picture yourself.",
    r"'NoneType' object (has no attribute '(get|items|keys)'|is not (subscriptable|iterable))": "Not every "
    "picture has EXIF, and _getexif() gives None then. picture.getexif() gives an empty one.",
    r"^KeyError: None$": "The picture has lost its format: convert(), copy() and exif_transpose() give a new "
    "picture, and that comes from no file. Ask for picture.format first.",
    r"^KeyError: '(MPO|GIF)'$": "EXTENSIONS has the formats that can stay. format_to_write() has to say which of "
    "them this one becomes: PNG where there is transparency, else JPEG.",
    r"^KeyError: '(icc_profile|exif|comment|transparency)'$": "Not every picture has that in its info: "
    "picture.info.get(…) gives None then.",
    r"^KeyError: 274$": "Not every picture has an orientation: getexif().get(0x0112, 1) says 1, not turned, then.",
    r"^KeyError: 'JPEG'$": "save_all=True writes every picture of a file, and a JPEG holds one. The first picture is "
    "enough: leave it out.",
    r"cannot write mode \w+ as JPEG": "JPEG knows neither transparency nor palettes. Decide on the format first, "
    "and convert the picture to what that format can hold.",
    r"height and width must be > 0": "The shorter side was rounded to no pixel at all. One is the least: "
    "max(1, …). thumbnail() sees to that.",
    r"float\(\) argument must be .+'NoneType'|Invalid quality setting": "Pillow takes a number as quality. A "
    "format that has none gets no quality=, not quality=None.",
    r"BytesIO' object has no attribute 'name'": "A file need not have a name, and a name says nothing sure: a "
    "phone's MPO is called .jpg. picture.format goes by the content.",
}


@pytest.fixture
def resized(resized):
    """resized(content, "a GIF") as in the kit; what your code raises is said with its cause where that is known."""

    def call(content, about="a photo", **box):
        try:
            return resized(content, **box)
        except Exception as error:
            says = f"{type(error).__name__}: {error}"
            why = next((why for pattern, why in CAUSES.items() if re.search(pattern, says)), None)
            if why is None:
                raise
            place = place_in(Path.cwd(), traceback.extract_tb(error.__traceback__))
            complain(f"{about} cannot be resized: {says}.", why, raised_at=place or "?")

    return call
