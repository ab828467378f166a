"""The exercises in notebook 01."""

import math
from io import BytesIO

from PIL import Image

from workshop.photos import samples

from .rush import Rush
from .turns import YOURS, expect

BOX = (800, 600)
GPS = 0x8825


def turn_1(fitted) -> str:
    expect(callable(fitted), "fitted must be a function that takes width, height and orientation.")
    for width, height, orientation, what in (
        (4032, 3024, 1, "a landscape photo"),
        (3000, 1000, 1, "a wide panorama"),
        (1000, 3000, 1, "a tall photo"),
        (320, 240, 1, "a small photo"),
        (1600, 600, 1, "a photo that is too wide but not too tall"),
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
            f"{said[0]:g}×{said[1]:g}, but the resized photo is {right[0]}×{right[1]}.  "
            + _why_not(tuple(said), (width, height), orientation, right),
        )
        whole = all(float(n).is_integer() for n in said)
        expect(whole, f"The size must be in whole pixels, but your function returned {said!r}. Use round().")
    return (
        "Both sides are multiplied by the same factor, which is at most 1. With orientations 5 to 8, the "
        "sides are swapped first."
    )


def _size_of_result(width: int, height: int, orientation: int) -> tuple[int, int]:
    picture = Image.new("1", (height, width) if orientation >= 5 else (width, height))
    picture.thumbnail(BOX)
    return picture.size


def _why_not(said: tuple, stored: tuple[int, int], orientation: int, right: tuple[int, int]) -> str:
    if right in (stored, stored[::-1]) and said > right:
        return "A picture that already fits keeps its size."
    if said == BOX:
        return "Your function returned the size of the box, so the aspect ratio is lost."
    if any(a > b + 1.5 for a, b in zip(said, BOX, strict=True)):
        return "Your result doesn't fit into 800×600. Does your factor make both sides small enough?"
    if orientation >= 5:
        return (
            "With this orientation, the picture is rotated by 90° first, so swap the two sides before you "
            "compute the factor."
        )
    return "Multiply both sides by the same factor: the smaller of 800 / width and 600 / height."


def turn_2(tells) -> str:
    expect(callable(tells), "tells must be a function that takes the bytes of a picture.")
    plain = BytesIO()
    Image.new("RGB", (40, 30), "white").save(plain, "PNG")
    said = _told(tells, plain.getvalue(), "a PNG without EXIF")
    expect(
        said["orientation"] == 1,
        f"For a picture without EXIF data, your function returned orientation {said['orientation']!r}. If "
        "the tag is missing, the orientation is 1. Pass this default to get() as the second argument.",
    )
    expect(
        said["place"] is None,
        f"For a picture without EXIF data, your function returned the location {said['place']!r} instead of "
        "None.",
    )
    said = _told(tells, samples.photo(160, 120, orientation=6), "a photo without a position")
    expect(
        said["orientation"] == 6,
        f"The photo's orientation is 6, but your function returned {said['orientation']!r}.",
    )
    expect(
        said["place"] is None,
        f"For a photo with EXIF data but no position, your function returned the location {said['place']!r} "
        "instead of None.",
    )
    said = _told(tells, samples.photo(160, 120, orientation=8, gps=True), "a photo with a GPS location")
    expect(
        said["orientation"] == 8,
        f"The photo's orientation is 8, but your function returned {said['orientation']!r}.",
    )
    _expect_place(said["place"], (51 + 28 / 60 + 40 / 3600, -5 / 3600), "Greenwich")
    _expect_place(_told(tells, _in_sydney(), "another photo")["place"], (-33.85, 151.2), "Sydney")
    return "One second of arc is about thirty meters. The resized picture contains no position at all."


def _told(tells, content: bytes, what: str) -> dict:
    said = tells(content)
    expect(said is not ..., YOURS)
    expect(
        isinstance(said, dict) and {"orientation", "place"} <= said.keys(),
        f'For {what}, your function returned {said!r}. Return a dictionary with "orientation" and "place".',
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
        f"The photo from {name} contains a position. Read the position with "
        "picture.getexif().get_ifd(0x8825).",
    )
    expect(
        isinstance(said, (tuple, list)) and len(said) == 2,
        f"Your function returned the location {said!r}. Return a pair: latitude and longitude in degrees.",
    )
    try:
        latitude, longitude = (float(number) for number in said)
    except TypeError:
        expect(
            False,
            f"Your function returned the location {said!r}, with three numbers for each coordinate. "
            "Compute a single number for each: degrees + minutes / 60 + seconds / 3600.",
        )
    except ValueError:
        expect(
            False, f"Your function returned the location {said!r}. Latitude and longitude have to be numbers."
        )
    near = math.isclose(latitude, right[0], abs_tol=2e-4) and math.isclose(longitude, right[1], abs_tol=2e-4)
    if not near and math.isclose(abs(latitude), abs(right[0]), abs_tol=2e-4):
        expect(
            not math.isclose(abs(longitude), abs(right[1]), abs_tol=2e-4),
            f"{name} is at {right[0]:.4f}, {right[1]:.4f}, but you returned {latitude:.4f}, {longitude:.4f}. "
            "South (S) and west (W) are negative. The letters are in entries 1 and 3.",
        )
    expect(
        near,
        f"{name} is at {right[0]:.4f}, {right[1]:.4f}, but you returned {latitude:.4f}, {longitude:.4f}. "
        "Compute degrees + minutes / 60 + seconds / 3600. Entry 2 contains the latitude, and entry 4 "
        "contains the longitude.",
    )


def turn_3(share, request_seconds, photo) -> str:
    expect(isinstance(share, (int, float)), f"share is {share!r}, but it must be a number between 0 and 1.")
    expect(
        photo.resize_seconds is not None,
        "The photo was not resized, because this project's view doesn't resize photos yet (step 1.4).",
    )
    right = photo.resize_seconds / request_seconds
    slips = (
        (100 * right, f"Your share is a percentage. As a fraction, {share:.0f} % is {right:.2f}."),
        (
            1 / right,
            f"{share:.2f} is how many times longer the request took than the resize. Swap the two numbers.",
        ),
        (
            1 - right,
            "You computed the share of everything else: the transfer, the form, the file, the row and the "
            "response.",
        ),
        (
            1,
            "The resize is only part of the request, because the photo also has to be sent, checked and "
            "stored. timed.resize_seconds is the time of the resize alone.",
        ),
    )
    if not math.isclose(share, right, abs_tol=0.01):  # if the share is one half, the rest is one half as well
        for slip, why in slips:
            expect(not math.isclose(share, slip, rel_tol=0.02), why)
    expect(
        math.isclose(share, right, abs_tol=0.01),
        f"Your share is {share:.3f}. According to the database row, the resize took "
        f"{photo.resize_seconds:.3f} s, and the visitor waited {request_seconds:.3f} s.",
    )
    return (
        f"The resize took {100 * right:.0f} % of the waiting time. The response is a redirect, which doesn't "
        "need the resized photo."
    )


def turn_4(per_minute, measured) -> str:
    expect(
        isinstance(measured, Rush),
        "measured must be the value that rush() returned. Run the cell that calls rush() again.",
    )
    expect(isinstance(per_minute, (int, float)), f"per_minute is {per_minute!r}, but it must be a number.")
    count, each = len(measured.uploads), sorted(upload.seconds for upload in measured.uploads)
    right = 60 * count / measured.seconds
    overlap = "The process works on several uploads at once, so each time includes waiting for the others."
    slips = {
        60 * count / sum(each): f"You divided 60 s by the average time of an upload. {overlap}",
        60 / each[count // 2]: f"You divided 60 s by the median time. {overlap}",
        60 / max(each): f"You divided 60 s by the time of the slowest upload. {overlap}",
        60 / sum(each): f"You divided by the sum of all times. {overlap}",
        count / measured.seconds: "You computed the number of photos per second.",
        60
        * measured.seconds
        / count: "You multiplied 60 by the seconds for one photo. Swap the two numbers.",
    }
    if not math.isclose(per_minute, right, rel_tol=0.05):
        for slip, why in slips.items():
            expect(not math.isclose(per_minute, slip, rel_tol=0.02), why)
    expect(
        math.isclose(per_minute, right, rel_tol=0.05),
        f"per_minute is {per_minute:.0f}, but the process handled {count} photos in {measured.seconds:.2f} "
        "s, from the start of the first upload to the last response.",
    )
    return (
        f"The process can resize {right:.0f} photos per minute, but then it has no time for anything else. "
        "If more photos arrive, every visitor has to wait, even those who upload nothing."
    )
