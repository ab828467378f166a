"""Fixtures for the checks of resizing.py."""

import re
from io import BytesIO

import pytest
from PIL import Image

from workshop.checkkit import complain
from workshop.checkkit.code_locations import raised_at

OF_A_PICTURE = "|".join(dir(Image.new("L", (1, 1))))

CAUSES = {
    rf"'NoneType' object has no attribute '({OF_A_PICTURE})'$": "One of your functions returns None instead of a "
    "picture. thumbnail() and exif_transpose(in_place=True) change the picture in place and return None, so return "
    "picture yourself.",
    r"'NoneType' object (has no attribute '(get|items|keys)'|is not (subscriptable|iterable))": "Not every picture "
    "has EXIF data, and _getexif() returns None for a picture without it. Call picture.getexif(), which returns an "
    "empty block instead.",
    r"^KeyError: None$": "This picture no longer has a format: convert(), copy() and transpose() return a new "
    "picture, and its format is None. Read picture.format first.",
    r"^KeyError: '(MPO|GIF)'$": "EXTENSIONS contains only the formats that resize() can write. Let format_to_write() "
    'choose a format for this picture: "PNG" if the picture has transparency, otherwise "JPEG".',
    r"^KeyError: '(icc_profile|exif|comment|transparency)'$": "Not every picture has this entry in picture.info. Use "
    "picture.info.get(…), which returns None for a missing entry.",
    r"^KeyError: 274$": "Not every picture has an orientation tag (0x0112, which is 274). If the tag is missing, "
    "orientation() returns 1, and so does getexif().get(0x0112, 1).",
    r"bad operand type for abs\(\)": "exif_transpose() rewrites the whole EXIF block, so it raises an exception if any "
    "tag is invalid. Rotate the picture with picture.transpose(), and take its argument from TURNS.",
    r"^KeyError: 'JPEG'$": "save_all=True writes every picture in a file, but a JPEG holds only one. Remove save_all, "
    "because only the first picture should be kept.",
    r"cannot write mode \w+ as JPEG": "JPEG supports neither transparency nor palettes. Choose the format first, and "
    "then convert the picture to a mode that the format supports.",
    r"height and width must be > 0": "The shorter side was rounded down to 0 pixels. Use max(1, …) to keep at least "
    "one pixel, or use thumbnail(), which does that for you.",
    r"float\(\) argument must be .+'NoneType'|Invalid quality setting": "Pillow needs a number for quality. If a "
    "format has no quality setting, omit the argument instead of passing None.",
    r"BytesIO' object has no attribute 'name'": "Not every file object has a name, and a name can be wrong: phones "
    "save MPO files as .jpg. Use picture.format, which Pillow reads from the file's content.",
}
"""Maps patterns of exception texts to causes and fixes."""


@pytest.fixture
def resized():
    """Return a function that calls the project's resize() and opens the result: resized(content) -> (Resized, picture).

    If resize() fails, the function explains the exceptions whose cause is known. `name` is the name of the file
    object, because an uploaded file has one.
    """
    from images.resizing import resize

    def call(content, about="a photo", name="", **box):
        file = BytesIO(content)
        if name:
            file.name = name
        try:
            result = resize(file, **box)
            picture = Image.open(BytesIO(result.content))
            picture.load()
        except Exception as error:
            says = f"{type(error).__name__}: {error}"
            why = next((why for pattern, why in CAUSES.items() if re.search(pattern, says)), None)
            if why is None:
                raise
            complain(f"resize() failed for {about}: {says}.", why, raised_at=raised_at(error))
        return result, picture

    return call
