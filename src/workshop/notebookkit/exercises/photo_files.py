"""Check exercises about pictures and the contents of their files."""

import math
from io import BytesIO

from PIL import Image

from workshop.checkkit import complain, expect
from workshop.photos import samples

from .answers import expect_answered, expect_function, expect_keys

BOX = (800, 600)
GPS = 0x8825
GREENWICH, SYDNEY = (51 + 28 / 60 + 40 / 3600, -5 / 3600), (-33.85, 151.2)
CLOSE = 2e-4
"""The allowed error of a latitude or longitude, in degrees."""


def size_of_the_result(fitted) -> str:
    """Check exercise 1.1: a function that returns the size of the resized picture."""
    expect_function("fitted", fitted, "width, height and orientation")
    for width, height, orientation, case in (
        (4032, 3024, 1, "a landscape photo"),
        (3000, 1000, 1, "a wide panorama"),
        (1000, 3000, 1, "a tall photo"),
        (320, 240, 1, "a small photo"),
        (1600, 600, 1, "a photo that is too wide but not too tall"),
        (4032, 3024, 6, "a photo from a phone that was held upright"),
        (400, 300, 8, "a small photo from a phone that was held upright"),
        (3000, 1000, 3, "a panorama that is upside down"),
    ):
        size, right = fitted(width, height, orientation), _size_of_thumbnail(width, height, orientation)
        expect_answered(size)
        expect(
            isinstance(size, (tuple, list))
            and [isinstance(side, (int, float)) for side in size] == [True, True],
            f"fitted({width}, {height}, {orientation}) returned {size!r}. Return a pair: width and height.",
        )
        expect(
            all(abs(side - right_side) < 1.5 for side, right_side in zip(size, right, strict=True)),
            f"{case.capitalize()}, {width}×{height}, orientation {orientation}: your function returned "
            f"{size[0]:g}×{size[1]:g}, but the resized photo is {right[0]}×{right[1]}.",
            _mistake_in_size(tuple(size), (width, height), orientation, right),
        )
        expect(
            all(float(side).is_integer() for side in size),
            f"The size must be in whole pixels, but your function returned {size!r}. Use round().",
        )
    return (
        "Both sides are multiplied by the same factor, which is at most 1. With orientations 5 to 8, the "
        "sides are swapped first."
    )


def _size_of_thumbnail(width: int, height: int, orientation: int) -> tuple[int, int]:
    picture = Image.new("1", (height, width) if orientation >= 5 else (width, height))
    picture.thumbnail(BOX)
    return picture.size


def _mistake_in_size(size: tuple, stored: tuple[int, int], orientation: int, right: tuple[int, int]) -> str:
    if orientation >= 5:
        return (
            "With this orientation, the picture is rotated by 90° first, so swap the two sides before you "
            "compute the factor."
        )
    if size == _size_of_thumbnail(*stored, 8):
        return "Swap the two sides only for orientations 5 to 8."
    if right in (stored, stored[::-1]) and size > right:
        return "A picture that already fits must keep its size."
    if size == BOX:
        return "Your function returned the size of the box, so the aspect ratio is lost."
    if any(side > limit + 1.5 for side, limit in zip(size, BOX, strict=True)):
        return "Your result doesn't fit into 800×600. Does your factor make both sides small enough?"
    return "Multiply both sides by the same factor: the smaller of 800 / width and 600 / height."


def orientation_and_position(tells) -> str:
    """Check exercise 1.2: a function that returns a picture's EXIF orientation and GPS position."""
    expect_function("tells", tells, "the bytes of a picture")
    for content, orientation, position, case in (
        (_without_exif(), 1, None, "a picture without EXIF data"),
        (samples.photo(160, 120, orientation=6), 6, None, "a photo with EXIF data but no position"),
        (samples.photo(160, 120, orientation=8, gps=True), 8, GREENWICH, "the photo from Greenwich"),
        (_from_sydney(), 1, SYDNEY, "the photo from Sydney"),
    ):
        returned = tells(content)
        expect_keys(case, returned, "orientation", "place")
        expect(
            returned["orientation"] == orientation,
            f"For {case}, your function returned orientation {returned['orientation']!r} instead of "
            f"{orientation}.",
            "If the tag is missing, the orientation is 1. Pass this default to get() as the second argument."
            if orientation == 1
            else "",
        )
        if position:
            _expect_position(case, returned["place"], position)
        else:
            expect(
                returned["place"] is None,
                f"For {case}, your function returned the location {returned['place']!r} instead of None.",
            )
    return "One second of latitude is about thirty meters. The resized picture doesn't contain a position."


def _without_exif() -> bytes:
    content = BytesIO()
    Image.new("RGB", (40, 30), "white").save(content, "PNG")
    return content.getvalue()


def _from_sydney() -> bytes:
    exif, content = Image.Exif(), BytesIO()
    exif.get_ifd(GPS).update({1: "S", 2: (33.0, 51.0, 0.0), 3: "E", 4: (151.0, 12.0, 0.0)})
    Image.new("RGB", (40, 30)).save(content, "JPEG", exif=exif)
    return content.getvalue()


def _expect_position(case: str, place, right: tuple[float, float]) -> None:
    expect(
        place is not None,
        f"Your function returned no location for {case}. Read the position with "
        "picture.getexif().get_ifd(0x8825).",
    )
    expect(
        isinstance(place, (tuple, list)) and len(place) == 2,
        f"Your function returned the location {place!r}. Return a pair: latitude and longitude in degrees.",
    )
    try:
        latitude, longitude = (float(number) for number in place)
    except TypeError:
        complain(
            f"Your function returned the location {place!r}, which has three numbers for each coordinate. "
            "Compute a single number for each: degrees + minutes / 60 + seconds / 3600."
        )
    except ValueError:
        complain(f"Your function returned the location {place!r}. Latitude and longitude have to be numbers.")
    wrong = (
        f"For {case}, your function returned {latitude:.4f}, {longitude:.4f} instead of {right[0]:.4f}, "
        f"{right[1]:.4f}."
    )
    if _near((latitude, longitude), right):
        return
    if _near((abs(latitude), abs(longitude)), (abs(right[0]), abs(right[1]))):
        complain(wrong, "South (S) and west (W) are negative. The letters are in entries 1 and 3.")
    complain(
        wrong,
        "Compute degrees + minutes / 60 + seconds / 3600. Entry 2 contains the latitude, and entry 4 "
        "contains the longitude.",
    )


def _near(position: tuple[float, float], right: tuple[float, float]) -> bool:
    return all(math.isclose(*pair, abs_tol=CLOSE) for pair in zip(position, right, strict=True))
