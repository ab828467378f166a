import pytest
from PIL import ExifTags, Image, ImageOps

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("1.2")

FILE = "images/resizing.py"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" exif:GPSLatitude="53,33.0N"></x:xmpmeta>'


def with_notes():
    """A JPEG that tells its camera and time, and in XMP its place a second time."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Workshop", "Painted photo", "2026:03:01 12:00:00"
    return photos.encoded(photos.scene(400, 300), "JPEG", exif=exif, xmp=XMP)


def with_profile(format):
    return photos.encoded(photos.scene(400, 300), format, icc_profile=photos.profile())


@pytest.fixture
def transposed(monkeypatch):
    """Filled by each call of ImageOps.exif_transpose() that gives back a copy."""
    calls = []
    original = ImageOps.exif_transpose

    def spy(picture, **options):
        if not options.get("in_place"):
            calls.append(picture)
        return original(picture, **options)

    monkeypatch.setattr(ImageOps, "exif_transpose", spy)
    return calls


def why_not_upright(orientation, as_stored, cut, transposed):
    if as_stored and transposed:
        return (
            "exif_transpose() gives back a turned copy, and leaves the picture that it was given as it is. "
            "Return the copy."
        )
    if orientation in (2, 4, 5, 7):  # 6, 8 and 3 were looked at before
        return (
            "Orientations 2, 4, 5 and 7 are mirrored as well, and turning alone does not undo that. "
            "ImageOps.exif_transpose() knows all eight."
        )
    if as_stored:
        return (
            "The pixels have to be turned; a program that does not read EXIF shows them as they are stored."
        )
    if cut:
        return (
            "It was turned inside its old width and height. rotate() cuts off what does not fit there and fills "
            "the rest with black, unless it gets expand=True."
        )
    return (
        "It was turned the wrong way: rotate() and Transpose.ROTATE_90 go against the clock. "
        "ImageOps.exif_transpose() knows which way each orientation asks for."
    )


@pytest.mark.parametrize("orientation", [6, 8, 3, 5, 2, 4, 7])
def test_upright(resized, transposed, orientation):
    """A photo taken with the camera turned comes out upright."""
    content = photos.jpeg(400, 300, orientation)
    stored = Image.open(photos.as_file(content))
    wanted = ImageOps.exif_transpose(stored)
    transposed.clear()
    _, picture = resized(content)
    upright = (picture.width > picture.height) == (wanted.width > wanted.height)
    found = photos.corners(picture)
    tag = picture.getexif().get(photos.ORIENTATION, 1)
    expect(
        upright and found == photos.corners(wanted),
        f"a photo with EXIF orientation {orientation} does not come out upright.",
        why_not_upright(orientation, found == photos.corners(stored), not upright, transposed),
        found=f"{picture.width}×{picture.height} pixels, orientation tag {tag}",
        file=f"{FILE}, upright()",
    )
    expect(
        tag == 1,
        f"the pixels are turned, and the tag that says so (orientation {tag}) is still there.",
        "A browser turns them once more.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("orientation", [6, 8, 5, 7])
def test_turned_box(resized, orientation):
    """A photo that stands upright fills the height of the box."""
    _, picture = resized(photos.jpeg(1000, 750, orientation))
    expect(
        picture.size == (450, 600),
        f"an upright photo came out as {picture.width}×{picture.height}, smaller or larger than the box allows.",
        f"It is stored lying on its side (orientation {orientation}; 5, 6, 7 and 8 do that). While it lies, the "
        "box has to lie as well: width and height change places.",
        expected="450×600",
        file=f"{FILE}, is_on_its_side()",
    )


@pytest.mark.parametrize("orientation", [1, 3, 4])
def test_box_that_is_not_turned(resized, orientation):
    """A photo that is not on its side fills the width of the box."""
    _, picture = resized(photos.jpeg(1000, 750, orientation))
    expect(
        picture.size == (800, 600),
        f"a photo with EXIF orientation {orientation} came out as {picture.width}×{picture.height}.",
        "Orientations 1 to 4 leave the width the width: as it is, mirrored, upside down. From 5 on the photo lies "
        "on its side.",
        expected="800×600",
        file=f"{FILE}, is_on_its_side()",
    )


def test_no_position(resized):
    """The place where the photo was taken does not go along."""
    result, picture = resized(photos.jpeg())
    expect(
        not picture.getexif().get_ifd(photos.GPS),
        "the resized photo still tells where it was taken.",
        "Every visitor of the page can read the GPS position out of the file. Save without exif=.",
        found=f"GPS {dict(picture.getexif().get_ifd(photos.GPS))}",
        file=f"{FILE}, write()",
    )
    expect(
        b"my house" not in result.content,
        "the resized photo still carries the comment that was in the file.",
        "Pillow writes a JPEG's comment again when it is in picture.info. Clear that before you save.",
        found="the comment 'my house'",
        file=f"{FILE}, write()",
    )


def test_no_notes(resized):
    """Nor do the camera, the time, and what other programs noted."""
    result, picture = resized(with_notes())
    tags = [ExifTags.TAGS.get(tag, str(tag)) for tag in picture.getexif()]
    expect(
        not tags,
        "the resized photo still tells with which camera it was taken, and when.",
        "GPS is one of many notes in the EXIF block. What you take out one by one, you have to know; save without "
        "exif= and none of it goes along.",
        found=", ".join(tags),
        file=f"{FILE}, write()",
    )
    expect(
        b"GPSLatitude" not in result.content,
        "the resized photo still tells where it was taken, in its XMP block.",
        "Programs write the position a second time, beside EXIF. Save without xmp=.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_keeps_colours(resized, format):
    """The colour profile goes along."""
    _, picture = resized(with_profile(format))
    expect(
        picture.info.get("icc_profile") == photos.profile(),
        f"the colour profile of a {format} is gone: on a good screen the colours are wrong.",
        'It is in picture.info["icc_profile"] and has to be given to save(icc_profile=…). Read it before you clear '
        "picture.info; a picture that you made with Image.new() never had it.",
        file=f"{FILE}, write()",
    )


def test_without_notes(resized):
    """A picture without EXIF and without a profile is as welcome."""
    _, picture = resized(photos.png_of(400, 300), about="a picture without EXIF and without a profile")
    expect(picture.size == (400, 300), "a picture without EXIF came out in another size.", file=FILE)


def test_quality(resized):
    """JPEG and WebP are written with quality 85."""
    stored = photos.scene(400, 300)
    _, picture = resized(photos.encoded(stored, "JPEG", quality=95))
    wanted = Image.open(photos.as_file(photos.encoded(stored, "JPEG", quality=85)))
    why = (
        "QUALITY has what save() gets for each format: **QUALITY[format]. Left out, Pillow takes its own, 75 for "
        "JPEG and 80 for WebP."
    )
    expect(
        picture.quantization == wanted.quantization,
        "the JPEG is not written with quality 85.",
        why,
        file=f"{FILE}, write()",
    )
    noise = Image.effect_noise((160, 120), 90).convert("RGB")
    result, _ = resized(photos.encoded(noise, "WEBP", lossless=True))
    sizes = {quality: len(photos.encoded(noise, "WEBP", quality=quality)) for quality in (75, 80, 85, 90)}
    nearest = min(sizes, key=lambda quality: abs(sizes[quality] - len(result.content)))
    expect(
        nearest == 85,
        "the WebP is not written with quality 85.",
        why,
        found=f"about {nearest}",
        file=f"{FILE}, write()",
    )
