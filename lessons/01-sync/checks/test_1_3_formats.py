import pytest

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("1.3")

FILE = "images/resizing.py"


def animated_webp():
    first = photos.scene(400, 300)
    return photos.encoded(first, "WEBP", save_all=True, append_images=[first.rotate(180)])


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (photos.jpeg, "a JPEG", "JPEG"),
        (photos.mpo, "an MPO, as phones write it,", "JPEG"),
        (photos.cmyk, "a CMYK JPEG for print", "JPEG"),
        (photos.png, "a transparent PNG", "PNG"),
        (photos.webp, "a WebP", "WEBP"),
        (animated_webp, "an animated WebP", "WEBP"),
        (photos.gif, "an animated GIF", "JPEG"),
        (photos.transparent_gif, "a transparent GIF", "PNG"),
    ],
)
def test_format(resized, content, name, format):
    """Every format that people upload comes out in one that every browser shows."""
    result, picture = resized(content(), about=name)
    why = (
        "JPEG, PNG and WebP stay what they are. All others become PNG where there is transparency, else JPEG."
    )
    if name in ("a transparent PNG", "a WebP", "an animated WebP"):
        why += " Ask for the format first: after convert(), copy() or exif_transpose() a picture has none."
    expect(
        picture.format == format,
        f"{name} came out as {picture.format}.",
        why,
        expected=format,
        file=f"{FILE}, format_to_write()",
    )
    expect(
        result.format == format,
        f"{name} came out as {picture.format}, and Resized says {result.format}.",
        "The result's name ends as Resized.format says. A browser, or the next program, goes by that.",
        expected=format,
        file=f"{FILE}, write()",
    )
    expect(
        picture.mode != "CMYK",
        f"{name} is still CMYK: browsers show it in wrong colours or not at all.",
        'convert("RGB") gives a copy in the colours of a screen.',
        file=f"{FILE}, converted()",
    )
    expect(
        getattr(picture, "n_frames", 1) == 1,
        f"{name} still has {getattr(picture, 'n_frames', 1)} pictures in it; the first one is enough.",
        "save() writes the others only with save_all=True.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize("mode", ["P", "1"])
def test_palette_is_smooth(resized, mode):
    """A picture with a palette is resized with the same quality as every other."""
    _, picture = resized(photos.checkerboard(1000, 750, mode=mode))
    darkest, brightest = picture.convert("L").getextrema()
    kind = {"P": "a palette (GIF, many PNGs)", "1": 'two colours only (mode "1", many scans)'}[mode]
    expect(
        brightest - darkest < 100,
        f"in a picture with {kind}, fine lines came out as coarse ones.",
        "Pillow cannot average the numbers of a palette: whatever filter you name, it drops pixels. "
        "Convert before you resize.",
        file=f"{FILE}, unpacked()",
    )


@pytest.mark.parametrize("content", [photos.png, photos.transparent_gif, photos.one_transparent_colour])
def test_transparency(resized, content):
    """What was transparent stays transparent."""
    _, picture = resized(content())
    lowest = picture.convert("RGBA").getchannel("A").getextrema()[0]
    expect(
        lowest == 0,
        "the transparent part of a picture came out filled.",
        'Converting to "RGB" drops transparency. Which mode keeps it?'
        if content is photos.png
        else "One colour, or one number of the palette, stands for transparent, and picture.info says which. "
        "Give each pixel a transparency of its own before you clear that.",
        file=f"{FILE}, unpacked()",
    )


def test_print_profile_is_dropped(resized):
    """A profile that describes CMYK is not attached to an RGB picture."""
    _, picture = resized(photos.cmyk())
    expect(
        "icc_profile" not in picture.info,
        "the profile of the CMYK picture was attached to the RGB result: its colours are wrong.",
        "The profile describes four colours, and now there are three. Take it out of picture.info when you convert.",
        file=f"{FILE}, converted()",
    )
