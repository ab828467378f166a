import pytest

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("1.2")

FILE = "images/resizing.py"


@pytest.mark.parametrize("orientation", [6, 8, 5, 3])
def test_upright(resized, orientation):
    """A photo taken with the camera turned comes out upright."""
    from PIL import Image, ImageOps

    stored = photos.jpeg(1600, 1200, orientation)
    result, picture = resized(stored)
    wanted = ImageOps.exif_transpose(Image.open(photos.as_file(stored)))
    upright = (picture.width > picture.height) == (wanted.width > wanted.height)
    tag = picture.getexif().get(photos.ORIENTATION, 1)
    expect(
        upright and photos.corners(picture) == photos.corners(wanted),
        f"a photo with EXIF orientation {orientation} does not come out upright.",
        "The pixels have to be turned; a program that does not read EXIF shows them as they are stored.",
        found=f"{picture.width}×{picture.height} pixels, orientation tag {tag}",
        file=f"{FILE}, upright()",
    )
    expect(
        tag == 1,
        f"the pixels are turned, and the tag that says so (orientation {tag}) is still there.",
        "A browser turns them once more.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("orientation", [6, 8])
def test_turned_box(resized, orientation):
    """A photo that stands upright fills the height of the box."""
    _, picture = resized(photos.jpeg(1600, 1200, orientation))
    expect(
        picture.size == (450, 600),
        f"an upright photo came out as {picture.width}×{picture.height}, smaller or larger than the box allows.",
        "It is stored lying on its side. While it lies, the box has to lie as well: width and height change places.",
        expected="450×600",
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
        not picture.getexif() and b"my house" not in result.content,
        "the resized photo still carries the camera's notes (EXIF or a comment).",
        "Pillow writes a JPEG's comment again when it is in picture.info. Clear that before you save.",
        found=f"EXIF tags {sorted(picture.getexif())}" if picture.getexif() else "the comment 'my house'",
        file=f"{FILE}, write()",
    )


def test_keeps_colours(resized):
    """The colour profile goes along."""
    _, picture = resized(photos.jpeg())
    expect(
        picture.info.get("icc_profile") == photos.profile(),
        "the colour profile is gone: on a good screen the colours are wrong.",
        'It is in picture.info["icc_profile"] and has to be given to save(icc_profile=…).',
        file=f"{FILE}, write()",
    )
