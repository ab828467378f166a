"""The exercises of notebook 01."""

import math
from io import BytesIO

from PIL import Image

from workshop import samples

from .rush import Rush
from .turns import YOURS, expect

BOX = (800, 600)
GPS = 0x8825


def turn_1(fitted) -> str:
    expect(callable(fitted), "fitted has to be a function with the arguments width, height and orientation.")
    for width, height, orientation, what in (
        (4032, 3024, 1, "a landscape photo"),
        (3000, 1000, 1, "a wide panorama"),
        (1000, 3000, 1, "a tall photo"),
        (320, 240, 1, "a small photo"),
        (1600, 600, 1, "a photo that is too wide but not too high"),
        (4032, 3024, 6, "a photo from a phone that was held upright"),
        (400, 300, 8, "a small photo from a phone that was held upright"),
        (3000, 1000, 3, "a panorama that is upside down"),
    ):
        said, right = fitted(width, height, orientation), _size_of_result(width, height, orientation)
        expect(said is not ..., YOURS)
        expect(
            isinstance(said, (tuple, list)) and [isinstance(n, (int, float)) for n in said] == [True, True],
            f"fitted({width}, {height}, {orientation}) returned {said!r}. Return a pair: width and height.",
        )
        near = all(abs(a - b) < 1.5 for a, b in zip(said, right, strict=True))
        expect(
            near,
            f"{what.capitalize()}, {width}×{height}, orientation {orientation}: your function returned "
            f"{said[0]:g}×{said[1]:g}, but the photo becomes {right[0]}×{right[1]}. "
            + _why_not(tuple(said), (width, height), orientation, right),
        )
        whole = all(float(n).is_integer() for n in said)
        expect(whole, f"A picture has whole pixels, but your function returned {said!r}. Use round().")
    return "Both sides get the same factor, which is at most 1. Orientations 5 to 8 swap the sides first."


def _size_of_result(width: int, height: int, orientation: int) -> tuple[int, int]:
    picture = Image.new("1", (height, width) if orientation >= 5 else (width, height))
    picture.thumbnail(BOX)
    return picture.size


def _why_not(said: tuple, stored: tuple[int, int], orientation: int, right: tuple[int, int]) -> str:
    if right in (stored, stored[::-1]) and said > right:
        return "It already fits, and no picture is enlarged."
    if said == BOX:
        return "That is the size of the box, so the aspect ratio is lost."
    if any(a > b + 1.5 for a, b in zip(said, BOX, strict=True)):
        return "That does not fit into 800×600. Does your factor make both sides small enough?"
    if orientation >= 5:
        return "It is turned by 90° before it has to fit, so swap the two sides first."
    return "Both sides get the same factor: the smaller of 800 / width and 600 / height."


def turn_2(tells) -> str:
    expect(callable(tells), "tells has to be a function that takes the bytes of a picture.")
    plain = BytesIO()
    Image.new("RGB", (40, 30), "white").save(plain, "PNG")
    said = _told(tells, plain.getvalue(), "a PNG without EXIF")
    expect(
        said["orientation"] == 1,
        f"For a picture without EXIF it returned the orientation {said['orientation']!r}. Without a tag, the "
        "orientation is 1. get() takes a default as its second argument.",
    )
    expect(
        said["place"] is None,
        f"For a picture without EXIF it returned the place {said['place']!r}, not None.",
    )
    said = _told(tells, samples.photo(160, 120, orientation=6), "a photo without a position")
    expect(
        said["orientation"] == 6,
        f"The orientation of this photo is 6, but it returned {said['orientation']!r}.",
    )
    expect(
        said["place"] is None,
        f"This photo has EXIF but no position. It returned the place {said['place']!r}, not None.",
    )
    said = _told(tells, samples.photo(160, 120, orientation=8, gps=True), "a photo with a position")
    expect(
        said["orientation"] == 8,
        f"The orientation of this photo is 8, but it returned {said['orientation']!r}.",
    )
    _expect_place(said["place"], (51 + 28 / 60 + 40 / 3600, -5 / 3600), "Greenwich")
    _expect_place(_told(tells, _in_sydney(), "another photo")["place"], (-33.85, 151.2), "Sydney")
    return "A second of arc is about thirty meters. The resized picture has no position at all."


def _told(tells, content: bytes, what: str) -> dict:
    said = tells(content)
    expect(said is not ..., YOURS)
    expect(
        isinstance(said, dict) and {"orientation", "place"} <= said.keys(),
        f'For {what} it returned {said!r}. Return a dictionary with "orientation" and "place".',
    )
    expect(... not in (said["orientation"], said["place"]), YOURS)
    return said


def _in_sydney() -> bytes:
    exif, content = Image.Exif(), BytesIO()
    exif.get_ifd(GPS).update({1: "S", 2: (33.0, 51.0, 0.0), 3: "E", 4: (151.0, 12.0, 0.0)})
    Image.new("RGB", (40, 30)).save(content, "JPEG", exif=exif)
    return content.getvalue()


def _expect_place(said, right: tuple[float, float], name: str) -> None:
    expect(
        said is not None,
        f"The photo from {name} has a position. Read it with picture.getexif().get_ifd(0x8825).",
    )
    expect(
        isinstance(said, (tuple, list)) and len(said) == 2,
        f"The place is {said!r}. Return a pair: latitude and longitude, in degrees.",
    )
    try:
        latitude, longitude = (float(number) for number in said)
    except TypeError:
        expect(
            False,
            f"The place is {said!r}: three numbers for each part. "
            "Compute degrees + minutes / 60 + seconds / 3600.",
        )
    except ValueError:
        expect(False, f"The place is {said!r}. Both parts have to be numbers.")
    near = math.isclose(latitude, right[0], abs_tol=2e-4) and math.isclose(longitude, right[1], abs_tol=2e-4)
    if not near and math.isclose(abs(latitude), abs(right[0]), abs_tol=2e-4):
        expect(
            not math.isclose(abs(longitude), abs(right[1]), abs_tol=2e-4),
            f"{name} is at {right[0]:.4f}, {right[1]:.4f}, but you returned {latitude:.4f}, {longitude:.4f}. "
            "S and W are negative. The letters are in the entries 1 and 3.",
        )
    expect(
        near,
        f"{name} is at {right[0]:.4f}, {right[1]:.4f}, but you returned {latitude:.4f}, {longitude:.4f}. "
        "Compute degrees + minutes / 60 + seconds / 3600. Entry 2 has the latitude, entry 4 the longitude.",
    )


def turn_3(share, request_seconds, photo) -> str:
    expect(isinstance(share, (int, float)), f"share is {share!r}. It has to be a number between 0 and 1.")
    expect(
        photo.resize_seconds is not None,
        "The photo is not resized, because the view of this project does not do that yet (step 1.4).",
    )
    right = photo.resize_seconds / request_seconds
    slips = (
        (100 * right, f"That is a percentage. As a fraction, {share:.0f} % is {right:.2f}."),
        (1 / right, f"{share:.2f} says how many resizes fit into the request. Swap the two numbers."),
        (
            1 - right,
            "That is the share of everything else: the transfer, the form, the file, the row, the response.",
        ),
        (
            1,
            "The resize is only a part of the request, because the photo also has to be sent, checked and "
            "stored. timed.resize_seconds is the time of the resize alone.",
        ),
    )
    if not math.isclose(share, right, abs_tol=0.01):  # of a half, all the rest is a half as well
        for slip, why in slips:
            expect(not math.isclose(share, slip, rel_tol=0.02), why)
    expect(
        math.isclose(share, right, abs_tol=0.01),
        f"share is {share:.3f}. The row says that the resize took {photo.resize_seconds:.3f} s, and the "
        f"visitor waited {request_seconds:.3f} s.",
    )
    return (
        f"The resize was {100 * right:.0f} % of the wait. The response is a redirect, which needs no resize."
    )


def turn_4(per_minute, measured) -> str:
    expect(
        isinstance(measured, Rush),
        "measured has to be the value that rush() returned. Run the cell with rush() again.",
    )
    expect(isinstance(per_minute, (int, float)), f"per_minute is {per_minute!r}. It has to be a number.")
    count, each = len(measured.uploads), sorted(upload.seconds for upload in measured.uploads)
    right = 60 * count / measured.seconds
    overlap = (
        "The uploads overlap, because the process works on several at once, so each time includes waiting."
    )
    slips = {
        60 * count / sum(each): f"That is 60 s divided by the average time of an upload. {overlap}",
        60 / each[count // 2]: f"That is 60 s divided by the median. {overlap}",
        60 / max(each): f"That is 60 s divided by the slowest. {overlap}",
        60 / sum(each): f"That divides by the sum of all times. {overlap}",
        count / measured.seconds: "That is the number in a second.",
        60 * measured.seconds / count: "That is 60 times the seconds for one photo. Swap the two numbers.",
    }
    if not math.isclose(per_minute, right, rel_tol=0.05):
        for slip, why in slips.items():
            expect(not math.isclose(per_minute, slip, rel_tol=0.02), why)
    expect(
        math.isclose(per_minute, right, rel_tol=0.05),
        f"per_minute is {per_minute:.0f}. The process handled {count} photos in {measured.seconds:.2f} s, "
        "from the start of the first upload to the last answer.",
    )
    return (
        f"{right:.0f} in a minute, and then the process has no time for anything else. If more photos "
        "arrive, every visitor has to wait, even one who only looks."
    )
