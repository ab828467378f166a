import struct
from io import BytesIO

import pytest
from PIL import ExifTags, Image, ImageOps

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("1.2")

FILE = "images/resizing.py"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" exif:GPSLatitude="53,33.0N"></x:xmpmeta>'


def turned(format, orientation, width=400, height=300):
    """A picture of this format with an EXIF orientation."""
    exif = Image.Exif()
    exif[photos.ORIENTATION] = orientation
    return photos.encoded(photos.scene(width, height), format, exif=exif)


def with_metadata(format):
    """A picture with the camera and the time in its EXIF block, and a position in XMP if the format has XMP."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Workshop", "Painted photo", "2026:03:01 12:00:00"
    xmp = {} if format == "PNG" else {"xmp": XMP}
    return photos.encoded(photos.scene(400, 300), format, exif=exif, **xmp)


def with_invalid_resolution():
    """A JPEG with EXIF orientation 6 and text where the EXIF block should have a resolution."""
    tags = struct.pack("<HHII", 0x0112, 3, 1, 6) + struct.pack("<HHI4s", 0x011A, 2, 4, b"low")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4)
    return photos.encoded(photos.scene(400, 300), "JPEG", exif=exif)


def with_profile(format):
    return photos.encoded(photos.scene(400, 300), format, icc_profile=photos.profile())


@pytest.fixture
def copied(monkeypatch):
    """Collect the names of the functions that were called to get a rotated copy of a picture."""
    calls = []

    def watch(owner, name):
        original = getattr(owner, name)

        def spy(*args, **options):
            if not options.get("in_place"):
                calls.append(name)
            return original(*args, **options)

        monkeypatch.setattr(owner, name, spy)

    watch(ImageOps, "exif_transpose")
    watch(Image.Image, "transpose")
    watch(Image.Image, "rotate")
    return calls


def why_not_upright(format, orientation, as_stored, cut, copied):
    if format != "JPEG":
        return (
            f"A {format} file can have an EXIF orientation, too. Rotate pictures of every format: read its orientation with "
            "orientation(), and don't look at picture.format."
        )
    if as_stored and copied:
        return f"{copied[0]}() returns a rotated copy and doesn't change the picture itself. Return the copy."
    if orientation in (2, 4, 5, 7):  # 6, 8 and 3 were looked at before
        return (
            "Orientations 2, 4, 5 and 7 are also mirrored, which rotating doesn't undo. For each orientation, TURNS "
            "contains the right argument for transpose()."
        )
    if as_stored:
        return "Rotate the pixels. A program that doesn't read EXIF data shows the pixels as they are stored in the file."
    if cut:
        return (
            "The photo was rotated, but its width and height were not swapped. Unless you pass expand=True, rotate() crops "
            "the parts that don't fit and fills the rest with black."
        )
    return (
        "The photo was rotated the wrong way: rotate() and Transpose.ROTATE_90 rotate counterclockwise. For each "
        "orientation, TURNS contains the right argument for transpose()."
    )


@pytest.mark.parametrize(
    ("format", "orientation"),
    [*(("JPEG", number) for number in (6, 8, 3, 5, 2, 4, 7)), ("WEBP", 6), ("PNG", 6)],
)
def test_upright(resized, copied, format, orientation):
    """Whatever its EXIF orientation is, a photo is rotated upright."""
    content = turned(format, orientation)
    stored = Image.open(BytesIO(content))
    wanted = ImageOps.exif_transpose(stored)
    copied.clear()
    _, picture = resized(content)
    upright = (picture.width > picture.height) == (wanted.width > wanted.height)
    found = photos.corners(picture)
    tag = picture.getexif().get(photos.ORIENTATION, 1)
    expect(
        upright and found == photos.corners(wanted),
        f"a {format} with EXIF orientation {orientation} is not upright after being resized.",
        why_not_upright(format, orientation, found == photos.corners(stored), not upright, copied),
        found=f"{picture.width}×{picture.height} pixels, orientation tag {tag}",
        file=f"{FILE}, upright()",
    )
    expect(
        tag == 1,
        f"the pixels were rotated, but the resized photo still has the orientation tag {tag}.",
        "A browser reads the tag and rotates the photo a second time. Save the photo without exif=.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize(
    ("format", "orientation"), [*(("JPEG", number) for number in (6, 8, 5, 7)), ("WEBP", 6), ("PNG", 6)]
)
def test_turned_box(resized, format, orientation):
    """A photo in portrait orientation fills the height of the box."""
    _, picture = resized(turned(format, orientation, 1000, 750))
    expect(
        picture.size == (450, 600),
        f"a portrait photo was resized to {picture.width}×{picture.height}, which doesn't match the box.",
        f"The photo is stored on its side ({format}, orientation {orientation}). "
        "For orientations 5 to 8, is_on_its_side() has to return True so that resize() swaps the width and height of "
        "the box.",
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
        "For this orientation, is_on_its_side() has to return False. Only orientations 5 to 8 swap width and height.",
        expected="800×600",
        file=f"{FILE}, is_on_its_side()",
    )


def test_no_position(resized):
    """The resized photo doesn't reveal where it was taken."""
    result, picture = resized(photos.jpeg())
    expect(
        not picture.getexif().get_ifd(photos.GPS),
        "the resized photo still contains the GPS position.",
        "Every visitor can read the position. Save the photo without exif=.",
        found=f"GPS {dict(picture.getexif().get_ifd(photos.GPS))}",
        file=f"{FILE}, write()",
    )
    expect(
        b"my house" not in result.content,
        "the resized photo still contains the original's comment.",
        "Pillow writes a JPEG's comment to the new file if the comment is still in picture.info. Clear picture.info "
        "before you save the picture.",
        found="the comment 'my house'",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_no_notes(resized, format):
    """The camera, the time, and metadata from other programs are removed too."""
    result, picture = resized(with_metadata(format))
    tags = [ExifTags.TAGS.get(tag, str(tag)) for tag in picture.getexif()]
    expect(
        not tags,
        f"the resized {format} still contains EXIF data, such as the camera and the time.",
        "If you delete individual EXIF tags, the others stay. Save the photo without exif= to remove all of them.",
        found=", ".join(tags),
        file=f"{FILE}, write()",
    )
    expect(
        b"GPSLatitude" not in result.content,
        f"the resized {format} still contains a GPS position in its XMP block.",
        "Some programs store the position a second time, outside the EXIF block. Save the photo without xmp=.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_keeps_colours(resized, format):
    """The ICC color profile is kept."""
    _, picture = resized(with_profile(format))
    expect(
        picture.info.get("icc_profile") == photos.profile(),
        f"the ICC profile of a {format} is lost, so good screens show the wrong colors.",
        'Pass picture.info["icc_profile"] to save(icc_profile=…). Read the profile before you clear picture.info. A '
        "picture that you create with Image.new() never has a profile.",
        file=f"{FILE}, write()",
    )


def test_without_notes(resized):
    """A picture without EXIF data or an ICC profile is resized too."""
    _, picture = resized(photos.png_of(400, 300), about="a picture without EXIF data or an ICC profile")
    expect(
        picture.size == (400, 300),
        f"a 400×300 picture without EXIF data was resized to {picture.width}×{picture.height}.",
        "A picture without EXIF data is treated as upright, and this picture already fits, so it should keep its size.",
        file=FILE,
    )


def test_invalid_resolution(resized):
    """A photo is rotated upright even if another EXIF tag is invalid."""
    _, picture = resized(
        with_invalid_resolution(), about="a rotated photo whose EXIF resolution contains text"
    )
    expect(
        picture.size == (300, 400),
        "a photo whose EXIF resolution contains text was not rotated upright.",
        "Read the orientation with orientation(), and ignore the other EXIF tags.",
        expected="300×400",
        found=f"{picture.width}×{picture.height}",
        file=f"{FILE}, upright()",
    )


def test_quality(resized):
    """JPEG and WebP are saved with quality 85."""
    stored = photos.scene(400, 300)
    _, picture = resized(photos.encoded(stored, "JPEG", quality=95))
    wanted = Image.open(BytesIO(photos.encoded(stored, "JPEG", quality=85)))
    why = (
        "QUALITY contains the save() options for each format, so pass **QUALITY[format]. Without these options, "
        "Pillow uses quality 75 for JPEG and 80 for WebP."
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
        found=f"quality {nearest} or close to it",
        file=f"{FILE}, write()",
    )
