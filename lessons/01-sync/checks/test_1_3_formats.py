import pytest

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("1.3")

FILE = "images/resizing.py"


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (photos.jpeg, "a JPEG", "JPEG"),
        (photos.mpo, "an MPO, as phones write it,", "JPEG"),
        (photos.cmyk, "a CMYK JPEG for print", "JPEG"),
        (photos.png, "a transparent PNG", "PNG"),
        (photos.webp, "a WebP", "WEBP"),
        (photos.gif, "an animated GIF", "JPEG"),
        (photos.transparent_gif, "a transparent GIF", "PNG"),
    ],
)
def test_format(resized, content, name, format):
    """Every format that people upload comes out in one that every browser shows."""
    result, picture = resized(content())
    expect(
        picture.format == format == result.format,
        f"{name} came out as {picture.format}.",
        "JPEG, PNG and WebP stay what they are. All others become PNG where there is transparency, else JPEG.",
        expected=format,
        file=f"{FILE}, format_to_write()",
    )
    expect(
        picture.mode != "CMYK",
        f"{name} is still CMYK: browsers show it in wrong colours or not at all.",
        file=f"{FILE}, converted()",
    )
    expect(
        getattr(picture, "n_frames", 1) == 1,
        f"{name} still has {getattr(picture, 'n_frames', 1)} pictures in it; the first one is enough.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("content", [photos.png, photos.transparent_gif])
def test_transparency(resized, content):
    """What was transparent stays transparent."""
    _, picture = resized(content())
    lowest = picture.convert("RGBA").getchannel("A").getextrema()[0]
    expect(
        lowest == 0,
        "the transparent part of a picture came out filled.",
        'Converting to "RGB" drops transparency. Which mode keeps it?',
        file=f"{FILE}, unpacked()",
    )


def test_palette_is_smooth(resized):
    """A picture with a palette is resized with the same quality as every other."""
    _, picture = resized(photos.checkerboard(1000, 750, mode="P"))
    darkest, brightest = picture.convert("L").getextrema()
    expect(
        brightest - darkest < 100,
        "in a picture with a palette (GIF, many PNGs), fine lines came out as coarse ones.",
        "Pillow cannot average the numbers of a palette: whatever filter you name, it drops pixels. "
        "Convert before you resize.",
        file=f"{FILE}, unpacked()",
    )


def test_print_profile_is_dropped(resized):
    """A profile that describes CMYK is not attached to an RGB picture."""
    _, picture = resized(photos.cmyk())
    expect(
        "icc_profile" not in picture.info,
        "the profile of the CMYK picture was attached to the RGB result: its colours are wrong.",
        file=f"{FILE}, converted()",
    )
