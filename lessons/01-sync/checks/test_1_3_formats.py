from io import BytesIO

import pytest
from PIL import Image

from workshop.checkkit import expect, photos

pytestmark = pytest.mark.step("1.3")

FILE = "images/resizing.py"


def animated_webp():
    first = photos.scene(400, 300)
    return photos.encoded(first, "WEBP", save_all=True, append_images=[first.rotate(180)])


def turned_webp():
    exif = Image.Exif()
    exif[photos.ORIENTATION] = 6
    return photos.encoded(photos.scene(400, 300), "WEBP", exif=exif)


def palette():
    return photos.encoded(photos.scene(400, 300, "P"), "PNG", icc_profile=photos.profile())


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (photos.jpeg, "a JPEG", "JPEG"),
        (photos.mpo, "an MPO from a phone", "JPEG"),
        (photos.cmyk, "a CMYK JPEG for print", "JPEG"),
        (photos.png, "a transparent PNG", "PNG"),
        (palette, "a PNG with a palette", "PNG"),
        (photos.webp, "a WebP", "WEBP"),
        (turned_webp, "a WebP stored on its side", "WEBP"),
        (animated_webp, "an animated WebP", "WEBP"),
        (photos.gif, "an animated GIF", "JPEG"),
        (photos.transparent_gif, "a transparent GIF", "PNG"),
    ],
)
def test_format(resized, content, name, format):
    """Every format is converted to one that all browsers can display."""
    result, picture = resized(content(), about=name)
    why = (
        "JPEG, PNG and WebP keep their format. Any other format becomes PNG if the picture has transparency, "
        "otherwise JPEG."
    )
    if format != "JPEG":
        why += (
            " Read picture.format first: convert(), copy() and transpose() return a picture without a format."
        )
    expect(
        picture.format == format,
        f"{name} became {picture.format}.",
        why,
        expected=format,
        file=f"{FILE}, format_to_write()",
    )
    expect(
        result.format == format,
        f"{name} became {picture.format}, but Resized.format is {result.format}.",
        "Resized.format determines the file name extension, so it has to be the format that you wrote.",
        expected=format,
        file=f"{FILE}, write()",
    )
    expect(
        picture.mode != "CMYK",
        f"{name} is still CMYK after being resized: browsers show it in the wrong colors or not at all.",
        'Use convert("RGB"), which returns a copy in the colors that screens use.',
        file=f"{FILE}, converted()",
    )
    expect(
        getattr(picture, "n_frames", 1) == 1,
        f"{name} still contains {getattr(picture, 'n_frames', 1)} pictures after being resized.",
        "Keep only the first picture: save() writes the others only if you pass save_all=True.",
        file=f"{FILE}, write()",
    )


@pytest.mark.parametrize(
    ("content", "name", "format"),
    [
        (photos.png, "logo.jpg", "PNG"),
        (photos.webp, "sea.png", "WEBP"),
        (photos.jpeg, "garden.webp", "JPEG"),
        (photos.mpo, "phone.png", "JPEG"),
    ],
)
def test_a_name_can_be_wrong(resized, content, name, format):
    """The format comes from a file's content, not from its name."""
    original = Image.open(BytesIO(content())).format
    result, picture = resized(content(), about=f"a file called {name} that contains {original}", name=name)
    expect(
        picture.format == result.format == format,
        f"a file called {name} contains {original}, but your code wrote {picture.format}.",
        "Visitors can give a file any name, so don't rely on the name. Use picture.format, which Pillow reads from "
        "the file's content.",
        expected=format,
        found=f"a file in the format {picture.format}, and Resized.format is {result.format}",
        file=f"{FILE}, format_to_write()",
    )


@pytest.mark.parametrize("mode", ["P", "1"])
def test_palette_is_smooth(resized, mode):
    """A picture with a palette is resized with the same quality as any other picture."""
    _, picture = resized(photos.checkerboard(1000, 750, mode=mode))
    darkest, brightest = picture.convert("L").getextrema()
    kind = {
        "P": "with a palette (GIFs and many PNGs)",
        "1": 'with only two colors (mode "1", as in many scans)',
    }[mode]
    expect(
        brightest - darkest < 100,
        f"in a picture {kind}, fine lines came out coarse.",
        "Pillow can't average the color numbers of a palette, so it drops pixels, whatever filter you pass. Convert "
        "the picture before fit() resizes it.",
        file=f"{FILE}, unpacked()",
    )


def gray_with_alpha():
    """A gray PNG whose left half is transparent: mode "LA"."""
    return photos.encoded(Image.open(BytesIO(photos.png())).convert("LA"), "PNG")


@pytest.mark.parametrize(
    "content", [photos.png, gray_with_alpha, photos.transparent_gif, photos.png_with_transparent_color]
)
def test_transparency(resized, content):
    """Transparent areas stay transparent."""
    _, picture = resized(content())
    lowest = picture.convert("RGBA").getchannel("A").getextrema()[0]
    expect(
        lowest == 0,
        "the transparent area of a picture is no longer transparent after the resize.",
        'convert("RGB") removes transparency. Keep a picture with an alpha channel as it is, unless it will be saved as '
        "a JPEG."
        if content in (photos.png, gray_with_alpha)
        else 'picture.info["transparency"] specifies the transparent color, or its number in the palette. '
        "Convert such a picture to RGBA, so that each pixel has its own transparency.",
        file=f"{FILE}, unpacked() and converted()",
    )


def transparent_palette():
    return photos.encoded(photos.scene(400, 300, "P"), "PNG", icc_profile=photos.profile(), transparency=0)


def transparent_color():
    options = {"icc_profile": photos.profile(), "transparency": (40, 90, 160)}
    return photos.encoded(photos.scene(400, 300), "PNG", **options)


def with_alpha():
    return photos.encoded(photos.scene(400, 300, "RGBA"), "PNG", icc_profile=photos.profile())


def two_colors():
    return photos.encoded(photos.scene(400, 300, "1"), "PNG", icc_profile=photos.profile())


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (palette, "a PNG with a palette"),
        (transparent_palette, "a PNG with a palette and transparency"),
        (transparent_color, "a PNG with one transparent color"),
        (with_alpha, "a PNG with an alpha channel"),
        (two_colors, "a PNG with only two colors"),
    ],
)
def test_profile_is_kept(resized, content, name):
    """Converting a picture to RGB or RGBA keeps its ICC profile."""
    _, picture = resized(content(), about=name)
    expect(
        picture.info.get("icc_profile") == photos.profile(),
        f"{name} lost its ICC profile, so good screens show the wrong colors.",
        "Remove the profile only when you convert from CMYK. After any other conversion, the profile still describes "
        "the colors correctly.",
        file=f"{FILE}, unpacked() and converted()",
    )


def test_print_profile_is_dropped(resized):
    """A CMYK profile is not kept when a picture is converted to RGB."""
    _, picture = resized(photos.cmyk())
    expect(
        "icc_profile" not in picture.info,
        "the RGB result still has the ICC profile of the CMYK original, so its colors are wrong.",
        "The profile describes four colors, but the result has only three. Remove the profile from picture.info when "
        "you convert the picture.",
        file=f"{FILE}, converted()",
    )
