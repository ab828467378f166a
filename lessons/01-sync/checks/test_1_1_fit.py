import pytest
from PIL import ImageFile

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("1.1")

FILE = "images/resizing.py"


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1000, 750), (800, 600)), ((1200, 400), (800, 267)), ((500, 1000), (300, 600))],
)
def test_fits_in_proportion(resized, size, expected):
    """A photo is made to fit within 800×600, in proportion."""
    _, picture = resized(photos.png_of(*size))
    off = max(abs(a - b) for a, b in zip(picture.size, expected, strict=True))
    expect(
        off <= 1,
        f"a photo of {size[0]}×{size[1]} pixels came out as {picture.width}×{picture.height}.",
        "The box is 800×600. The longer way decides how small the photo becomes; the other side follows.",
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
        expected="50×50",
        file=f"{FILE}, fit()",
    )


def test_never_enlarges(resized):
    """A photo that is small enough already stays as large as it is."""
    _, picture = resized(photos.png_of(320, 240))
    expect(
        picture.size == (320, 240),
        f"a small photo of 320×240 was blown up to {picture.width}×{picture.height}.",
        "More pixels than the photo has cannot show more; the file only grows.",
        expected="320×240, as it was",
        file=f"{FILE}, fit()",
    )


def test_decodes_reduced(resized, monkeypatch):
    """A large JPEG is decoded at a reduced size, so that memory stays bounded."""
    decoded = []
    load = ImageFile.ImageFile.load

    def spy(picture):
        if picture.tile:
            decoded.append(picture.size)
        return load(picture)

    monkeypatch.setattr(ImageFile.ImageFile, "load", spy)
    _, picture = resized(photos.jpeg(4032, 3024))
    largest = max(decoded, default=(0, 0))
    expect(
        largest[0] < 4032,
        "a JPEG of 4032×3024 was decoded with all its 12 million pixels.",
        "Decoded, a pixel takes 3 bytes: 36 MB here, for a result of 1.4 MB. The JPEG decoder can give 1/2, 1/4 "
        "or 1/8 of the size at once; thumbnail() asks it to, resize() does not.",
        file=f"{FILE}, fit()",
    )
    expect(
        largest[0] >= picture.width,
        f"the JPEG was decoded at {largest[0]}×{largest[1]}, smaller than the result.",
        "That makes the result blurred. thumbnail() chooses a size that is large enough.",
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
