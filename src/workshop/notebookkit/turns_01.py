"""The turns of notebook 01."""

import math
from io import BytesIO

from PIL import Image

from workshop import samples

from .rush import Rush
from .turns import YOURS, expect

BOX = (800, 600)
GPS = 0x8825


def turn_1(fitted) -> str:
    expect(callable(fitted), "fitted is to be a function of width, height and orientation.")
    for width, height, orientation, what in (
        (4032, 3024, 1, "a photo that lies"),
        (3000, 1000, 1, "a wide panorama"),
        (1000, 3000, 1, "a tall one"),
        (320, 240, 1, "a small photo"),
        (1600, 600, 1, "a photo that is only too wide"),
        (4032, 3024, 6, "a photo that was held upright"),
        (400, 300, 8, "a small photo that was held upright"),
        (3000, 1000, 3, "a panorama that stands on its head"),
    ):
        said, right = fitted(width, height, orientation), _size_of_result(width, height, orientation)
        expect(said is not ..., YOURS)
        expect(
            isinstance(said, (tuple, list)) and [isinstance(n, (int, float)) for n in said] == [True, True],
            f"fitted({width}, {height}, {orientation}) is {said!r}. A pair is needed: width and height.",
        )
        near = all(abs(a - b) < 1.5 for a, b in zip(said, right, strict=True))
        expect(
            near,
            f"{what.capitalize()}, {width}×{height}, orientation {orientation}: you say "
            f"{said[0]:g}×{said[1]:g}, and it becomes {right[0]}×{right[1]}. "
            + _why_not(tuple(said), (width, height), orientation, right),
        )
        whole = all(float(n).is_integer() for n in said)
        expect(whole, f"A picture has whole pixels, not {said!r}. round() them.")
    return "One factor for both sides, never above 1; and they change places when the camera was upright."


def _size_of_result(width: int, height: int, orientation: int) -> tuple[int, int]:
    picture = Image.new("1", (height, width) if orientation >= 5 else (width, height))
    picture.thumbnail(BOX)
    return picture.size


def _why_not(said: tuple, stored: tuple[int, int], orientation: int, right: tuple[int, int]) -> str:
    if right in (stored, stored[::-1]) and said > right:
        return "It fits already, and nothing is ever enlarged."
    if said == BOX:
        return "That is the box itself: the proportions are gone."
    if any(a > b + 1.5 for a, b in zip(said, BOX, strict=True)):
        return "That does not fit into 800×600. Which of the two sides decides?"
    if orientation >= 5:
        return "It is turned by 90° before it has to fit: swap the two sides first."
    return "Both sides get the same factor: the smaller of 800 / width and 600 / height."


def turn_2(tells) -> str:
    expect(callable(tells), "tells is to be a function that takes the bytes of a picture.")
    plain = BytesIO()
    Image.new("RGB", (40, 30), "white").save(plain, "PNG")
    said = _told(tells, plain.getvalue(), "a PNG without EXIF")
    expect(
        said["orientation"] == 1,
        f"Of a picture without EXIF it says orientation {said['orientation']!r}. No note means 1: as it "
        "lies. get() takes a second argument.",
    )
    expect(said["place"] is None, f"Of a picture without EXIF it says place {said['place']!r}, not None.")
    said = _told(tells, samples.photo(160, 120, orientation=6), "a photo without a place")
    expect(said["orientation"] == 6, f"Its orientation is 6, and it says {said['orientation']!r}.")
    expect(said["place"] is None, f"It has EXIF and no place, and it says place {said['place']!r}, not None.")
    said = _told(tells, samples.photo(160, 120, orientation=8, gps=True), "a photo with a place")
    expect(said["orientation"] == 8, f"Its orientation is 8, and it says {said['orientation']!r}.")
    _expect_place(said["place"], (51 + 28 / 60 + 40 / 3600, -5 / 3600), "Greenwich")
    _expect_place(_told(tells, _in_sydney(), "another one")["place"], (-33.85, 151.2), "Sydney")
    return "To the second of an arc: some thirty metres. The resized picture has none of it."


def _told(tells, content: bytes, what: str) -> dict:
    said = tells(content)
    expect(said is not ..., YOURS)
    expect(
        isinstance(said, dict) and {"orientation", "place"} <= said.keys(),
        f'Of {what} it returned {said!r}: a dictionary with "orientation" and "place" is needed.',
    )
    expect(... not in (said["orientation"], said["place"]), YOURS)
    return said


def _in_sydney() -> bytes:
    exif, content = Image.Exif(), BytesIO()
    exif.get_ifd(GPS).update({1: "S", 2: (33.0, 51.0, 0.0), 3: "E", 4: (151.0, 12.0, 0.0)})
    Image.new("RGB", (40, 30)).save(content, "JPEG", exif=exif)
    return content.getvalue()


def _expect_place(said, right: tuple[float, float], name: str) -> None:
    expect(said is not None, f"The photo from {name} has a place: picture.getexif().get_ifd(0x8825).")
    expect(
        isinstance(said, (tuple, list)) and len(said) == 2,
        f"The place is {said!r}. A pair is needed: latitude and longitude, in degrees.",
    )
    try:
        latitude, longitude = (float(number) for number in said)
    except TypeError:
        expect(False, f"The place is {said!r}: three numbers each. Degrees + minutes / 60 + seconds / 3600.")
    except ValueError:
        expect(False, f"The place is {said!r}. Both are to be numbers.")
    near = math.isclose(latitude, right[0], abs_tol=2e-4) and math.isclose(longitude, right[1], abs_tol=2e-4)
    if not near and math.isclose(abs(latitude), abs(right[0]), abs_tol=2e-4):
        expect(
            not math.isclose(abs(longitude), abs(right[1]), abs_tol=2e-4),
            f"{name} is at {right[0]:.4f}, {right[1]:.4f}, and you say {latitude:.4f}, {longitude:.4f}: "
            "S and W are negative. The letters are in 1 and 3.",
        )
    expect(
        near,
        f"{name} is at {right[0]:.4f}, {right[1]:.4f}, and you say {latitude:.4f}, {longitude:.4f}. "
        "Degrees + minutes / 60 + seconds / 3600; latitude is in 2, longitude in 4.",
    )


def turn_3(share, request_seconds, photo) -> str:
    expect(isinstance(share, (int, float)), f"share is {share!r}. A number between 0 and 1 is needed.")
    expect(
        photo.resize_seconds is not None,
        "The photo is not resized: this project's view does not do it yet (step 1.4).",
    )
    right = photo.resize_seconds / request_seconds
    slips = (
        (100 * right, f"{share:.0f} per cent, as a share: {right:.2f}."),
        (1 / right, f"{share:.2f} is how many resizes fit into the request. Turn the fraction over."),
        (
            1 - right,
            "That is the share of all the rest: the sending, the form, the file, the row, the answer.",
        ),
        (
            1,
            "The whole request is not the resize: the photo has to be sent, checked and saved. The row has "
            "the resize's own time.",
        ),
    )
    if not math.isclose(share, right, abs_tol=0.01):  # of a half, all the rest is a half as well
        for slip, why in slips:
            expect(not math.isclose(share, slip, rel_tol=0.02), why)
    expect(
        math.isclose(share, right, abs_tol=0.01),
        f"share is {share:.3f}. The row says how long the resize took, {photo.resize_seconds:.3f} s; the "
        f"visitor waited {request_seconds:.3f} s.",
    )
    return f"{100 * right:.0f} % of the wait was the resize. The answer, a redirect, needs none of it."


def turn_4(per_minute, measured) -> str:
    expect(isinstance(measured, Rush), "measured is what rush() returned. Run the cell that measures again.")
    expect(isinstance(per_minute, (int, float)), f"per_minute is {per_minute!r}. A number is needed.")
    count, each = len(measured.uploads), sorted(upload.seconds for upload in measured.uploads)
    right = 60 * count / measured.seconds
    overlap = (
        "The uploads overlap: several are in the process at once, and each of their times has waiting in it."
    )
    slips = {
        60 * count / sum(each): f"That is 60 s divided by one upload's time. {overlap}",
        60 / each[count // 2]: f"That is 60 s divided by the median. {overlap}",
        60 / max(each): f"That is 60 s divided by the slowest. {overlap}",
        60 / sum(each): f"That divides by the sum of all times. {overlap}",
        count / measured.seconds: "That is in a second.",
        60 * measured.seconds / count: "That is 60 times the seconds for one. Turn the fraction over.",
    }
    if not math.isclose(per_minute, right, rel_tol=0.05):
        for slip, why in slips.items():
            expect(not math.isclose(per_minute, slip, rel_tol=0.02), why)
    expect(
        math.isclose(per_minute, right, rel_tol=0.05),
        f"per_minute is {per_minute:.0f}. From the first upload's begin to the last answer "
        f"{measured.seconds:.2f} s passed, and {count} photos were done.",
    )
    return (
        f"{right:.0f} in a minute, with its hands full. One more, and a queue grows in front of everybody, "
        "also of those who only look."
    )
