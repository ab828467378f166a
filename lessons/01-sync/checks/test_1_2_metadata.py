import pytest
from PIL import ExifTags, Image, ImageOps

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("1.2")

FILE = "images/resizing.py"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" exif:GPSLatitude="53,33.0N"></x:xmpmeta>'


def with_metadata():
    """A JPEG with the camera and the time in its EXIF block, and a position in XMP."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Workshop", "Painted photo", "2026:03:01 12:00:00"
    return photos.encoded(photos.scene(400, 300), "JPEG", exif=exif, xmp=XMP)


def with_profile(format):
    return photos.encoded(photos.scene(400, 300), format, icc_profile=photos.profile())


@pytest.fixture
def transposed(monkeypatch):
    """Filled by each call of ImageOps.exif_transpose() that returns a copy."""
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
        return "exif_transpose() returns a turned copy and does not change the picture that you pass. Return the copy."
    if orientation in (2, 4, 5, 7):  # 6, 8 and 3 were looked at before
        return (
            "Orientations 2, 4, 5 and 7 are also mirrored, and rotating does not undo that. TURNS has the right "
            "argument for transpose() for each orientation."
        )
    if as_stored:
        return "Turn the pixels. A program that does not read EXIF data shows them as they are stored in the file."
    if cut:
        return (
            "The photo was turned, but it kept its old width and height. rotate() crops what does not fit and fills "
            "the rest with black, unless you pass expand=True."
        )
    return (
        "The photo was turned the wrong way: rotate() and Transpose.ROTATE_90 turn counterclockwise. TURNS has the "
        "right argument for transpose() for each orientation."
    )


@pytest.mark.parametrize("orientation", [6, 8, 3, 5, 2, 4, 7])
def test_upright(resized, transposed, orientation):
    """A photo that was taken with a turned camera becomes upright."""
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
        f"a photo with EXIF orientation {orientation} is not upright after the resize.",
        why_not_upright(orientation, found == photos.corners(stored), not upright, transposed),
        found=f"{picture.width}×{picture.height} pixels, orientation tag {tag}",
        file=f"{FILE}, upright()",
    )
    expect(
        tag == 1,
        f"the pixels are turned, but the resized photo still has the orientation tag {tag}.",
        "A browser reads the tag and turns the photo a second time. Save it without exif=.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("orientation", [6, 8, 5, 7])
def test_turned_box(resized, orientation):
    """An upright photo fills the height of the box."""
    _, picture = resized(photos.jpeg(1000, 750, orientation))
    expect(
        picture.size == (450, 600),
        f"an upright photo was resized to {picture.width}×{picture.height}, which does not match the box.",
        f"The photo is stored on its side (orientation {orientation}; the same is true of 5, 6, 7 and 8). "
        "is_on_its_side() has to return True, so that resize() swaps the width and the height of the box.",
        expected="450×600",
        file=f"{FILE}, is_on_its_side()",
    )


@pytest.mark.parametrize("orientation", [1, 3, 4])
def test_box_that_is_not_turned(resized, orientation):
    """A photo that is not stored on its side fills the width of the box."""
    _, picture = resized(photos.jpeg(1000, 750, orientation))
    expect(
        picture.size == (800, 600),
        f"a photo with EXIF orientation {orientation} was resized to {picture.width}×{picture.height}.",
        "is_on_its_side() has to return False here. Only orientations 5 to 8 swap width and height; 1 to 4 don't.",
        expected="800×600",
        file=f"{FILE}, is_on_its_side()",
    )


def test_no_position(resized):
    """The resized photo does not say where it was taken."""
    result, picture = resized(photos.jpeg())
    expect(
        not picture.getexif().get_ifd(photos.GPS),
        "the resized photo still contains the GPS position.",
        "Every visitor can read it. Save the photo without exif=.",
        found=f"GPS {dict(picture.getexif().get_ifd(photos.GPS))}",
        file=f"{FILE}, write()",
    )
    expect(
        b"my house" not in result.content,
        "the resized photo still contains the comment of the original.",
        "Pillow writes a JPEG's comment again if it is in picture.info. Clear picture.info before you save.",
        found="the comment 'my house'",
        file=f"{FILE}, write()",
    )


def test_no_notes(resized):
    """Camera, time, and the metadata of other programs are removed too."""
    result, picture = resized(with_metadata())
    tags = [ExifTags.TAGS.get(tag, str(tag)) for tag in picture.getexif()]
    expect(
        not tags,
        "the resized photo still contains EXIF data, such as the camera and the time.",
        "If you delete single EXIF tags, the others stay. Save the photo without exif=, so that none of them is kept.",
        found=", ".join(tags),
        file=f"{FILE}, write()",
    )
    expect(
        b"GPSLatitude" not in result.content,
        "the resized photo still contains a GPS position, in its XMP block.",
        "Some programs store the position a second time, outside of EXIF. Save the photo without xmp=.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_keeps_colours(resized, format):
    """The ICC color profile is kept."""
    _, picture = resized(with_profile(format))
    expect(
        picture.info.get("icc_profile") == photos.profile(),
        f"the ICC profile of a {format} is lost, so a good screen shows wrong colors.",
        'Pass picture.info["icc_profile"] to save(icc_profile=…). Read it before you clear picture.info. A picture that '
        "you create with Image.new() never has it.",
        file=f"{FILE}, write()",
    )


def test_without_notes(resized):
    """A picture without EXIF data and without a profile works too."""
    _, picture = resized(photos.png_of(400, 300), about="a picture without EXIF data and without a profile")
    expect(
        picture.size == (400, 300),
        f"a picture of 400×300 without EXIF data was resized to {picture.width}×{picture.height}.",
        "A picture without EXIF data counts as upright, and this one is small enough to keep its size.",
        file=FILE,
    )


def test_quality(resized):
    """JPEG and WebP are saved with quality 85."""
    stored = photos.scene(400, 300)
    _, picture = resized(photos.encoded(stored, "JPEG", quality=95))
    wanted = Image.open(photos.as_file(photos.encoded(stored, "JPEG", quality=85)))
    why = (
        "QUALITY has the options of save() for each format: pass **QUALITY[format]. Without them, Pillow uses 75 for "
        "JPEG and 80 for WebP."
    )
    expect(
        picture.quantization == wanted.quantization,
        "the JPEG was not saved with quality 85.",
        why,
        file=f"{FILE}, write()",
    )
    noise = Image.effect_noise((160, 120), 90).convert("RGB")
    result, _ = resized(photos.encoded(noise, "WEBP", lossless=True))
    sizes = {quality: len(photos.encoded(noise, "WEBP", quality=quality)) for quality in (75, 80, 85, 90)}
    nearest = min(sizes, key=lambda quality: abs(sizes[quality] - len(result.content)))
    expect(
        nearest == 85,
        "the WebP was not saved with quality 85.",
        why,
        found=f"about {nearest}",
        file=f"{FILE}, write()",
    )
