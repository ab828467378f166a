from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageFile, ImageStat

from workshop.checkkit import expect, photos
from workshop.checkkit.code_locations import called_at

pytestmark = pytest.mark.step("1.1")

FILE = "images/resizing.py"


def why_the_size_is_wrong(picture, content):
    original = Image.open(BytesIO(content))
    if photos.corners(picture) != photos.corners(original):
        return (
            "The result fills the box, but its corners are not the corners of the photo. ImageOps.fit() crops the "
            "photo, and ImageOps.pad() adds bars to it. Keep the whole photo, and don't add anything to it."
        )
    if picture.size == original.size and original.width > 800 and original.height > 600:
        return (
            "The returned picture is unchanged. thumbnail() shrinks only the picture that you call it on, and resize() "
            "returns a new picture. Return the picture that was resized."
        )
    original.thumbnail((600, 800))
    if picture.size == original.size:
        return (
            "The photo was resized to fit 600×800. Pass max_width first and max_height second, because Pillow "
            "expects a size as (width, height)."
        )
    return (
        "Multiply both sides by the same factor: the smaller of 800 / width and 600 / height. The longer side alone "
        "doesn't determine the factor, because the box is not a square."
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1000, 750), (800, 600)),
        ((1200, 400), (800, 267)),
        ((500, 1000), (300, 600)),
        ((1200, 1000), (720, 600)),
    ],
)
def test_fits_in_proportion(resized, size, expected):
    """A photo fits into 800×600 and keeps its aspect ratio."""
    content = photos.png_of(*size)
    _, picture = resized(content)
    off = max(abs(a - b) for a, b in zip(picture.size, expected, strict=True))
    expect(
        off <= 1,
        f"a {size[0]}×{size[1]} photo was resized to {picture.width}×{picture.height}.",
        why_the_size_is_wrong(picture, content),
        expected="{}×{}".format(*expected),
        found=f"{picture.width}×{picture.height}",
        file=f"{FILE}, fit()",
    )


def test_takes_any_box(resized):
    """max_width and max_height set the size of the box that a photo has to fit into."""
    _, picture = resized(photos.png_of(1000, 1000), max_width=100, max_height=50)
    expect(
        picture.size == (50, 50),
        f"with a box of 100×50, a 1000×1000 photo was resized to {picture.width}×{picture.height}.",
        "Use max_width and max_height, the arguments of fit(). 800 and 600 are only the defaults.",
        expected="50×50",
        file=f"{FILE}, fit()",
    )


def test_never_enlarges(resized):
    """A photo that already fits keeps its size."""
    _, picture = resized(photos.png_of(320, 240))
    expect(
        picture.size == (320, 240),
        f"a small photo (320×240) was enlarged to {picture.width}×{picture.height}.",
        "Never enlarge a photo: the file gets larger, but the photo doesn't show any more detail. thumbnail() leaves "
        "a photo that already fits unchanged, but resize() and ImageOps.contain() enlarge it.",
        expected="320×240",
        file=f"{FILE}, fit()",
    )


def test_flat(resized):
    """A line that is only two pixels high remains visible."""
    _, picture = resized(photos.png_of(3000, 2), about="a line of 3000×2 pixels")
    expect(
        picture.size == (800, 1),
        f"a line of 3000×2 pixels was resized to {picture.width}×{picture.height}.",
        "Multiply both sides by the same factor, and round the result to at least one pixel.",
        expected="800×1",
        file=f"{FILE}, fit()",
    )


@pytest.fixture
def decoded(monkeypatch):
    """Collect the size at which each picture is decoded, and the line of project code that decodes it."""
    decoded = []
    load = ImageFile.ImageFile.load

    def spy(picture):
        if picture.tile:
            decoded.append((picture.size, called_at()))
        return load(picture)

    monkeypatch.setattr(ImageFile.ImageFile, "load", spy)
    return decoded


def test_decodes_reduced(resized, decoded):
    """A large JPEG is decoded at a reduced size to save memory."""
    _, picture = resized(photos.jpeg(4032, 3024))
    largest, place = max(decoded, default=((0, 0), "?"))
    expect(
        largest[0] < 4032,
        "all 12 million pixels of a 4032×3024 JPEG were decoded.",
        "The JPEG decoder can return the photo at 1/2, 1/4 or 1/8 of its size. thumbnail() asks for a reduced size, "
        "unless reducing_gap is None or too large (the default is 2.0). resize() doesn't ask for a reduced size. If "
        "you call convert(), copy() or exif_transpose() before thumbnail(), they decode all pixels.",
        decoded_at=place,
        file=f"{FILE}, fit()",
    )
    expect(
        largest[0] >= picture.width and picture.size == (800, 600),
        f"a 4032×3024 JPEG was decoded at {largest[0]}×{largest[1]} and resized to "
        f"{picture.width}×{picture.height}.",
        "Your code asked the decoder for fewer pixels than the result needs, so the result is too small or blurry. "
        "Use thumbnail(), which asks for enough pixels.",
        expected="decoded at 800×600 or more, and then resized to 800×600",
        decoded_at=place,
        file=f"{FILE}, fit()",
    )


def test_smooth(resized):
    """Each pixel of the result is computed from all the original pixels that it replaces."""
    _, picture = resized(photos.checkerboard(1000, 750))
    darkest, brightest = picture.convert("L").getextrema()
    expect(
        brightest - darkest < 100,
        "fine black and white lines became coarse lines, because the resize copied single pixels instead of averaging "
        "them.",
        "Use the filter Image.Resampling.LANCZOS. NEAREST copies one pixel and ignores its neighbors.",
        file=f"{FILE}, fit()",
    )


def test_lanczos(resized):
    """Photos are resized with the LANCZOS filter."""
    noise = Image.effect_noise((500, 375), 90)
    _, picture = resized(photos.encoded(noise, "PNG"), max_width=400, max_height=300)

    def distance(filter):
        difference = ImageChops.difference(picture.convert("L"), noise.resize(picture.size, filter))
        return ImageStat.Stat(difference).mean[0]

    nearest = min(Image.Resampling, key=distance)
    expect(
        nearest == Image.Resampling.LANCZOS or distance(nearest) > 1,
        f"the photo was resized with the filter {nearest.name}.",
        "Pass Image.Resampling.LANCZOS, which keeps fine lines sharper. If you don't pass a filter, thumbnail() and "
        "resize() use BICUBIC.",
        expected="Image.Resampling.LANCZOS",
        file=f"{FILE}, fit()",
    )


def test_decodes_no_more_than_needed(resized, decoded):
    """A large JPEG is decoded at the smallest size that is large enough for the result."""
    resized(photos.jpeg(4032, 3024))
    largest, place = max(decoded, default=((0, 0), "?"))
    expect(
        largest[0] <= 1008,
        f"a 4032×3024 JPEG was decoded at {largest[0]}×{largest[1]}, which is four times as many pixels as needed.",
        "The decoder can return this photo at 1/4 of its size, 1008×756, which is still larger than the result. But "
        "thumbnail() keeps the decoded photo at least twice as large as the result, because the default of "
        "reducing_gap is 2.0. Pass reducing_gap=1.1.",
        expected="1008×756",
        decoded_at=place,
        file=f"{FILE}, fit()",
    )
