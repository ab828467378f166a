import traceback
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFile, ImageStat

from workshop.checkkit import expect, photos
from workshop.checkkit.worker import place_in

pytestmark = pytest.mark.step("1.1")

FILE = "images/resizing.py"


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1000, 750), (800, 600)), ((1200, 400), (800, 267)), ((500, 1000), (300, 600))],
)
def test_fits_in_proportion(resized, size, expected):
    """A photo is made to fit within 800×600, in proportion."""
    content = photos.png_of(*size)
    _, picture = resized(content)
    off = max(abs(a - b) for a, b in zip(picture.size, expected, strict=True))
    whole = photos.corners(picture) == photos.corners(Image.open(photos.as_file(content)))
    expect(
        off <= 1,
        f"a photo of {size[0]}×{size[1]} pixels came out as {picture.width}×{picture.height}.",
        "The box is 800×600. The longer way decides how small the photo becomes; the other side follows."
        if whole
        else "The result fills the box, and its corners are not those of the photo. ImageOps.fit() cuts off what "
        "does not fit, ImageOps.pad() fills up with bars; the photo has to stay whole, and nothing else.",
        expected="{}×{}".format(*expected),
        found=f"{picture.width}×{picture.height}",
        file=f"{FILE}, fit()",
    )


def test_takes_any_box(resized):
    """max_width and max_height say how large the box is."""
    _, picture = resized(photos.png_of(1000, 1000), max_width=100, max_height=50)
    expect(
        picture.size == (50, 50),
        f"in a box of 100×50, a photo of 1000×1000 came out as {picture.width}×{picture.height}.",
        "fit() is told the box: max_width and max_height. 800 and 600 hold only where nobody says otherwise.",
        expected="50×50",
        file=f"{FILE}, fit()",
    )


def test_never_enlarges(resized):
    """A photo that is small enough already stays as large as it is."""
    _, picture = resized(photos.png_of(320, 240))
    expect(
        picture.size == (320, 240),
        f"a small photo of 320×240 was blown up to {picture.width}×{picture.height}.",
        "More pixels than the photo has cannot show more; the file only grows. thumbnail() leaves such a photo "
        "alone; resize() and ImageOps.contain() do not.",
        expected="320×240, as it was",
        file=f"{FILE}, fit()",
    )


def test_flat(resized):
    """A line of two pixels' height stays visible."""
    _, picture = resized(photos.png_of(3000, 2), about="a line of 3000×2 pixels")
    expect(
        picture.size == (800, 1),
        f"a line of 3000×2 pixels came out as {picture.width}×{picture.height}.",
        expected="800×1",
        file=f"{FILE}, fit()",
    )


def test_decodes_reduced(resized, monkeypatch):
    """A large JPEG is decoded at a reduced size, so that memory stays bounded."""
    decoded = []
    load = ImageFile.ImageFile.load

    def spy(picture):
        if picture.tile:
            decoded.append((picture.size, place_in(Path.cwd(), traceback.extract_stack()) or "?"))
        return load(picture)

    monkeypatch.setattr(ImageFile.ImageFile, "load", spy)
    _, picture = resized(photos.jpeg(4032, 3024))
    largest, place = max(decoded, default=((0, 0), "?"))
    expect(
        largest[0] < 4032,
        "a JPEG of 4032×3024 was decoded with all its 12 million pixels.",
        "Decoded, a pixel takes 3 bytes: 36 MB here, for a result of 1.4 MB. The JPEG decoder can give 1/2, 1/4 "
        "or 1/8 of the size at once. thumbnail() asks it to, unless reducing_gap is None, or so large that none "
        "of these is left (its own is 2.0). resize() does not, and whatever needs pixels before (convert(), copy(), "
        "exif_transpose()) has decoded them all.",
        decoded_at=place,
        file=f"{FILE}, fit()",
    )
    expect(
        largest[0] >= picture.width and picture.size == (800, 600),
        f"a JPEG of 4032×3024 was decoded at {largest[0]}×{largest[1]} and came out as "
        f"{picture.width}×{picture.height}.",
        "The decoder was asked for fewer pixels than the result needs: a picture that is too small, or blurred. "
        "thumbnail() asks for enough.",
        expected="decoded at 800×600 or more, and 800×600 in the end",
        decoded_at=place,
        file=f"{FILE}, fit()",
    )


def test_smooth(resized):
    """The result is filtered (LANCZOS), not picked from single pixels."""
    _, picture = resized(photos.checkerboard(1000, 750))
    darkest, brightest = picture.convert("L").getextrema()
    expect(
        brightest - darkest < 100,
        "fine black and white lines came out as coarse ones: pixels were picked, not averaged.",
        "Image.Resampling.LANCZOS looks at all the pixels around. NEAREST takes one of them.",
        file=f"{FILE}, fit()",
    )


def test_lanczos(resized):
    """Of Pillow's filters, LANCZOS makes the result."""
    noise = Image.effect_noise((500, 375), 90)
    _, picture = resized(photos.encoded(noise, "PNG"), max_width=400, max_height=300)

    def distance(filter):
        difference = ImageChops.difference(picture.convert("L"), noise.resize(picture.size, filter))
        return ImageStat.Stat(difference).mean[0]

    nearest = min(Image.Resampling, key=distance)
    expect(
        nearest == Image.Resampling.LANCZOS or distance(nearest) > 1,
        f"the photo was made small with the filter {nearest.name}.",
        "LANCZOS keeps fine lines sharper. It has to be named: without a name, thumbnail() and resize() take BICUBIC.",
        expected="Image.Resampling.LANCZOS",
        file=f"{FILE}, fit()",
    )
