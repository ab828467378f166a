"""Odd and hostile pictures and file names. Most tests call the code of the last solution in this process."""

import contextlib
import io
import itertools
import json
import re
import struct
import traceback
import zlib
from random import Random

import pytest
from PIL import Image, ImageSequence
from projects import Project

from benchmarks import resize_variants
from workshop.paths import SOLUTIONS

PROJECT = SOLUTIONS / "05-beat"
SIZE = 24, 16


@pytest.fixture(scope="module")
def resizing():
    return resize_variants.import_module(PROJECT / "images/resizing.py")


@pytest.fixture(scope="module")
def pictures():
    return resize_variants.import_module(PROJECT / "images/pictures.py")


def chunk(name, data=b""):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size, depth, kind, rows, *extra, after=b""):
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra) + data + after + chunk(b"IEND")


def exif(*entries, order="<"):
    """An EXIF block out of entries (tag, type, count, value as bytes)."""
    directory, data, offset = b"", b"", 14 + 12 * len(entries)
    for tag, kind, count, value in entries:
        directory += struct.pack(order + "HHI", tag, kind, count)
        if len(value) <= 4:
            directory += value.ljust(4, b"\0")
        else:
            directory += struct.pack(order + "I", offset + len(data))
            data += value
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(entries))
    return b"Exif\0\0" + start + directory + bytes(4) + data


def encoded(picture, format, **options):
    output = io.BytesIO()
    picture.save(output, format, **options)
    return output.getvalue()


def arrow(size=SIZE):
    """A picture that looks different in each of the eight orientations."""
    picture = Image.new("RGB", size, "white")
    picture.paste("red", (0, 0, size[0] // 3, size[1] // 2))
    picture.paste("blue", (0, size[1] // 2, size[0] // 4, size[1]))
    return picture


# 6 and 3 as they should be written, and values that no reader expects.
ORIENTATIONS = {
    "short": (3, 1, struct.pack("<H", 6), True),
    "long": (4, 1, struct.pack("<I", 6), True),
    "text": (2, 2, b"6\0", False),
    "fraction": (5, 1, struct.pack("<II", 6, 1), False),
    "fraction of nothing": (5, 1, struct.pack("<II", 6, 0), False),
    "float": (11, 1, struct.pack("<f", 6), False),
    "two numbers": (3, 2, struct.pack("<HH", 6, 6), True),
    "bytes": (7, 4, b"\6\0\0\0", False),
    "out of range": (3, 1, struct.pack("<H", 99), False),
    "zero": (3, 1, struct.pack("<H", 0), False),
    "unknown type": (99, 1, struct.pack("<H", 6), False),
    "far away": (2, 2**31, b"6666", False),
}
BESIDE = {
    "nothing": [],
    "resolution as text": [(0x011A, 2, 6, b"hello\0")],
    "maker as fraction": [(0x010F, 5, 1, struct.pack("<II", 1, 3))],
    "date as fraction": [(0x0132, 5, 1, struct.pack("<II", 1, 0))],
    "GPS as text": [(0x8825, 2, 6, b"where\0")],
    "Exif IFD outside": [(0x8769, 4, 1, struct.pack("<I", 2**32 - 1))],
    "float that cannot be packed": [(0x9999, 12, 1, struct.pack("<d", float("nan")))],
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("kind", ORIENTATIONS)
def test_exif_never_decides_whether_a_picture_is_shown(resizing, format, beside, kind):
    *entry, counts = ORIENTATIONS[kind]
    block = exif((0x0112, *entry), *BESIDE[beside])
    content = encoded(arrow((120, 90)), format, exif=block)
    result = resizing.resize(io.BytesIO(content), 80, 60)
    assert (result.width, result.height) == ((45, 60) if counts else (80, 60))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "block", [b"Exif", b"\0\0\0\0", b"Exif\0\0II*\0", b"Exif\0\0MM", b"Exif\0\0" + b"\xff" * 40]
)
def test_an_exif_block_that_is_no_block(resizing, format, block):
    content = encoded(arrow(), format, exif=block)
    assert resizing.resize(io.BytesIO(content)).width == SIZE[0]


@pytest.mark.parametrize("value", range(10))
def test_each_orientation_is_turned_as_pillow_does(resizing, value):
    content = encoded(arrow(), "PNG", exif=exif((0x0112, 3, 1, struct.pack("<H", value))))
    found = Image.open(io.BytesIO(resizing.resize(io.BytesIO(content)).content))
    turns = [
        None,
        None,
        *(
            getattr(Image.Transpose, name)
            for name in (
                "FLIP_LEFT_RIGHT",
                "ROTATE_180",
                "FLIP_TOP_BOTTOM",
                "TRANSPOSE",
                "ROTATE_270",
                "TRANSVERSE",
                "ROTATE_90",
            )
        ),
        None,
    ]
    wanted = arrow() if turns[value] is None else arrow().transpose(turns[value])
    assert list(found.convert("RGB").get_flattened_data()) == list(wanted.get_flattened_data())


# What a PNG says and what a reader should show, by the PNG specification: its own arithmetic, without Pillow.

WIDTH, HEIGHT = SIZE
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def samples(depth, kind):
    """Numbers of `depth` bits for each channel of each pixel, with the ends of the range among them."""
    top = 2**depth - 1
    numbers = itertools.cycle([0, top, 1, top // 2, top - 1, top // 3, top // 5 + 1, 255 & top, 256 & top])
    return [[next(numbers) for _ in range(WIDTH * CHANNELS[kind])] for _ in range(HEIGHT)]


def packed(rows, depth):
    content = b""
    for row in rows:
        bits = "".join(f"{value:0{depth}b}" for value in row)
        bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
        content += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    return content


def reference(rows, depth, kind, transparent):
    pixels = []
    for row in rows:
        for i in range(0, len(row), CHANNELS[kind]):
            values = row[i : i + CHANNELS[kind]]
            scaled = [round(value * 255 / (2**depth - 1)) for value in values]
            color = scaled[:1] * 3 if kind in (0, 4) else scaled[:3]
            alpha = scaled[-1] if kind in (4, 6) else 0 if tuple(values) == transparent else 255
            pixels.append((*color, alpha))
    return pixels


def close(found, wanted):
    """Equal but for rounding; the color of an invisible pixel does not matter."""
    return all(
        abs(a[3] - b[3]) <= 1 and (b[3] == 0 or max(abs(x - y) for x, y in zip(a, b, strict=True)) <= 1)
        for a, b in zip(found, wanted, strict=True)
    )


def keys(depth, kind):
    top = 2**depth - 1
    return [None] if kind > 3 else [None, *((value,) * CHANNELS[kind] for value in (0, 1, top // 2, top))]


PNGS = [
    pytest.param(depth, kind, key, id=f"depth {depth}, kind {kind}, transparent {key}")
    for kind, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 4: (8, 16), 6: (8, 16)}.items()
    for depth in depths
    for key in dict.fromkeys(keys(depth, kind))
]


@pytest.mark.parametrize(("depth", "kind", "transparent"), PNGS)
def test_a_png_keeps_its_pixels(resizing, depth, kind, transparent):
    rows = samples(depth, kind)
    if transparent and kind == 2:
        rows[0][:3] = transparent
    extra = [chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))] if transparent else []
    content = png(SIZE, depth, kind, packed(rows, depth), *extra)
    found = Image.open(io.BytesIO(resizing.resize(io.BytesIO(content)).content)).convert("RGBA")
    assert close(list(found.get_flattened_data()), reference(rows, depth, kind, transparent))


def test_a_grey_16_bit_png_stays_a_gradient_when_it_is_made_smaller(resizing):
    greys = b"\0" + b"".join(struct.pack(">H", x * 65535 // 1200) for x in range(1200))
    content = png((1200, 900), 16, 0, greys * 900, chunk(b"tRNS", struct.pack(">H", 0)))
    found = Image.open(io.BytesIO(resizing.resize(io.BytesIO(content)).content)).convert("RGBA")
    assert found.size == (800, 600)
    assert all(abs(found.getpixel((x, 300))[0] - x * 255 // 800) <= 2 for x in range(5, 800, 37))


def drawn(mode):
    picture = Image.linear_gradient("L").resize(SIZE).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").rotate(90).resize(SIZE))
    if mode in ("RGBA", "LA"):
        return picture.convert(mode)
    return picture.convert("RGB").convert(mode)


WRITTEN = [
    *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    *(("GIF", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
    *(("WEBP", mode) for mode in ("L", "RGB", "RGBA")),
    *(("JPEG", mode) for mode in ("1", "L", "RGB", "CMYK", "YCbCr")),
    ("MPO", "RGB"),
]


@pytest.mark.parametrize(("format", "mode"), WRITTEN)
def test_every_mode_that_pillow_writes_looks_the_same(resizing, format, mode):
    options = {"lossless": True} if format == "WEBP" else {}
    if format == "MPO":
        options = {"save_all": True, "append_images": [drawn(mode)]}
    content = encoded(drawn(mode), format, **options)
    result = resizing.resize(io.BytesIO(content))
    found = Image.open(io.BytesIO(result.content)).convert("RGBA")
    wanted = next(ImageSequence.Iterator(Image.open(io.BytesIO(content)))).convert("RGBA")
    apart = [
        max(abs(x - y) for x, y in zip(a, b, strict=True))
        for a, b in zip(found.get_flattened_data(), wanted.get_flattened_data(), strict=True)
        if b[3] > 8
    ]
    assert sum(apart) / max(len(apart), 1) < (3 if result.format == "PNG" else 12)


# Damaged files.


def damaged():
    whole = {
        "jpg": encoded(arrow((300, 200)), "JPEG"),
        "progressive": encoded(arrow((300, 200)), "JPEG", progressive=True),
        "png": encoded(arrow((300, 200)), "PNG"),
        "webp": encoded(arrow((300, 200)), "WEBP"),
        "gif": encoded(arrow((300, 200)), "GIF"),
        "mpo": encoded(arrow((300, 200)), "MPO", save_all=True, append_images=[arrow()]),
    }
    for name, content in whole.items():
        for part in (2, 3, 7):
            yield f"{name} cut to 1/{part}", content[: len(content) // part]
        for seed in range(12):
            broken = bytearray(content)
            for step in range(1 + seed % 4):
                place = (seed * 7919 + step * 104729) % min(len(broken), 200 + 300 * (seed % 2))
                broken[place] = (seed * 31 + step * 17) % 256
            yield f"{name} with wrong bytes {seed}", bytes(broken)
    yield "nothing", b""
    yield "text", b"no picture at all"
    yield (
        "no-height.gif",
        b"GIF89a"
        + struct.pack("<HHBBB", 10, 10, 0, 0, 0)
        + b"\x2c"
        + struct.pack("<HHHHB", 0, 0, 10, 0, 0)
        + b"\x02\x00;",
    )
    yield "dds", b"DDS " + struct.pack("<I", 124) + bytes(120)
    yield "no pixels", png((0, 5), 8, 0, b"")
    yield "wrong filter", png(SIZE, 8, 0, (b"\x09" + bytes(WIDTH)) * HEIGHT)
    yield "bomb", png((40_000, 40_000), 8, 0, b"")


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in damaged()])
def test_a_damaged_file_is_resized_or_unreadable(resizing, pictures, content):
    for read in (pictures.open_picture, resizing.resize):
        with contextlib.suppress(pictures.UnreadablePicture):
            read(io.BytesIO(content))


@pytest.mark.parametrize("name", ["no-height.gif", "no pixels"])
def test_a_picture_without_pixels_is_refused_before_it_is_decoded(pictures, name):
    with pytest.raises(pictures.UnreadablePicture):
        pictures.open_picture(io.BytesIO(dict(damaged())[name]))


@pytest.mark.parametrize("size", [(1, 65_536), (65_536, 1)])
def test_a_picture_that_is_too_long_is_refused_before_it_is_decoded(pictures, size):
    """A file of 100 kB with 50 million rows of one pixel each would take 14 seconds."""
    pictures.open_picture(io.BytesIO(png((1, 65_535), 8, 0, b"")))
    with pytest.raises(pictures.TooManyPixels):
        pictures.open_picture(io.BytesIO(png(size, 8, 0, b"")))


def test_the_exception_of_a_damaged_file_holds_no_pixels(resizing, pictures):
    content = encoded(Image.effect_noise((300, 200), 90), "PNG")
    broken = content[: len(content) // 2] + bytes(400)
    with pytest.raises(pictures.UnreadablePicture) as caught:
        resizing.resize(io.BytesIO(broken))
    assert caught.value.__context__ is None
    places = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert places[-1] == "read", "the frames of the decoder hold the pixels"


def test_the_disks_errors_and_our_own_mistakes_pass(resizing, monkeypatch):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        resizing.resize(Broken(b""))
    monkeypatch.setattr(resizing, "upright", lambda picture: picture.no_such_method())
    with pytest.raises(AttributeError, match="no_such_method"):
        resizing.resize(io.BytesIO(encoded(arrow(), "JPEG")))


@pytest.mark.parametrize("kind", [MemoryError, type("TimeLimit", (Exception,), {})])
def test_a_time_limit_and_a_full_memory_pass(resizing, monkeypatch, kind):
    class Interrupted(io.BytesIO):
        def read(self, size=-1):
            raise kind

    with pytest.raises(kind):
        resizing.resize(Interrupted(b""))


# Files that are made to take long.

HEADERS = {
    "empty chunks": lambda: png(SIZE, 8, 0, b"", chunk(b"abCd") * 100_000),
    "text chunks": lambda: png(SIZE, 8, 0, b"", chunk(b"tEXt", b"a\0b") * 100_000),
    "profiles": lambda: png(
        SIZE, 8, 0, b"", chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1_000_000), 9)) * 10_000
    ),
    "JPEG comments": lambda: encoded(arrow(), "JPEG").replace(
        b"\xff\xdb", b"\xff\xfe\0\2" * 100_000 + b"\xff\xdb", 1
    ),
    "GIF comments": lambda: encoded(arrow(), "GIF").replace(b"\x2c", b"\x21\xfe\1a\0" * 100_000 + b"\x2c", 1),
    "JPEG scans": lambda: many_scans(2000),
    "JPEG scans behind a comment with an end": lambda: many_scans(2000, b"\xff\xfe\0\4\xff\xd9"),
    "JPEG scans behind a marker without a length": lambda: many_scans(2000, b"\xff\1\xff\xff"),
    "JPEG comments after pixels": lambda: many_scans(1, b"\xff\xfe\0\2" * 100_000),
    "chunks after pixels": lambda: png(SIZE, 8, 0, ROWS, after=chunk(b"abCd") * 100_000),
    "chunks after one of an animation": lambda: png(
        SIZE, 8, 0, ROWS, after=chunk(b"fcTL", bytes(26)) + chunk(b"abCd") * 100_000
    ),
    "profiles after pixels": lambda: png(
        SIZE, 8, 0, ROWS, after=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1_000_000), 9)) * 10_000
    ),
    "chunks without pixels": lambda: png(SIZE, 8, 0, ROWS, after=chunk(b"IDAT") * 100_000),
}
ROWS = (b"\0" + bytes(WIDTH)) * HEIGHT


def many_scans(number, between=b""):
    content = encoded(arrow((300, 200)), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + between + content[last:-2] * number + b"\xff\xd9"


def noise(width, height):
    return b"".join(b"\0" + Random(row).randbytes(width) for row in range(height))


def split(content, size):
    """The same PNG, whose pixels are in one chunk, with chunks of `size` bytes instead."""
    start = content.index(b"IDAT") - 4
    length = int.from_bytes(content[start : start + 4], "big")
    data, rest = content[start + 8 : start + 8 + length], content[start + 12 + length :]
    parts = (data[place : place + size] for place in range(0, length, size))
    return content[:start] + b"".join(chunk(b"IDAT", part) for part in parts) + rest


LARGE = {
    "a JPEG with a video": lambda: (
        encoded(Image.effect_noise((300, 200), 90), "JPEG", progressive=True)
        + Random(1).randbytes(18_000_000)
    ),
    "a JPEG with more pictures": lambda: encoded(
        arrow((30, 20)), "MPO", save_all=True, append_images=[arrow((30, 20))] * 150
    ),
    "a PNG in many chunks": lambda: split(png((2999, 600), 8, 0, noise(2999, 600)), 500),
    "an animated PNG": lambda: encoded(
        arrow(), "PNG", save_all=True, append_images=[arrow(), Image.new("RGB", SIZE)] * 600
    ),
}
"""Pictures that phones and programs make, with many parts or large ones."""


@pytest.mark.parametrize("kind", LARGE)
def test_a_picture_of_many_parts_is_resized(resizing, kind):
    assert resizing.resize(io.BytesIO(LARGE[kind]())).width > 0


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_of_too_many_parts_is_refused(pictures, kind):
    with pytest.raises(pictures.UnreadablePicture, match="too many"):
        pictures.open_picture(io.BytesIO(HEADERS[kind]()))


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize(("size", "kept"), [(150_000, True), (900_000, False)])
def test_a_large_color_profile_is_left_out(resizing, format, size, kept):
    content = encoded(arrow(), format, icc_profile=bytes(range(250)) * (size // 250))
    result = resizing.resize(io.BytesIO(content))
    assert (Image.open(io.BytesIO(result.content)).info.get("icc_profile") is not None) == kept


DATES = {
    "a date": ((2, 20, b"2026:05:01 10:00:00\0"), "2026:05:01 10:00:00"),
    "fraction": ((5, 1, struct.pack("<II", 1, 3)), None),
    "bytes": ((7, 6, b"\0\1\2\3\4\5"), None),
    "several": ((3, 4, bytes(8)), None),
    "a NUL inside": ((2, 6, b"20\x0026\0"), None),
    "a control character": ((2, 6, b"20\x0126\0"), None),
    "long": ((2, 50_000, b"x" * 49_999 + b"\0"), "x" * 19),
}


@pytest.mark.parametrize("kind", DATES)
def test_the_time_of_a_photo_is_text_or_nothing(pictures, kind):
    entry, wanted = DATES[kind]
    content = encoded(arrow(), "JPEG", exif=exif((0x0132, *entry)))
    assert pictures.taken_at(pictures.open_picture(io.BytesIO(content))) == wanted


# The form, in a separate process with Django's test client.

UPLOAD = """
import json
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from images.models import UploadedImage

settings.ALLOWED_HOSTS, settings.DEBUG = ["*"], False
content = open({picture!r}, "rb").read()
other = {{brand: bytes(4) + b"ftyp" + brand.encode() + bytes(50) for brand in ("heic", "avif")}}
answers = []
for names in json.loads({names!r}):
    UploadedImage.objects.all().delete()
    files = [SimpleUploadedFile("x", other.get(name.partition(".")[2], content)) for name in names]
    for file, name in zip(files, names):
        file._name = name
    visitor = Client(raise_request_exception=False)
    page = visitor.post(reverse("images:upload"), {{"images": files}}, follow=True)
    resized = UploadedImage.objects.filter(is_processed=True).count()
    answers.append([page.status_code, resized, page.content.decode()])
print(json.dumps(answers))
"""

NAMES = {
    "69 Chinese characters": "写" * 69 + ".jpg",
    "84 Chinese characters": "写" * 84 + ".jpg",
    "255 Chinese characters": "写" * 251 + ".jpg",
    "four bytes each": "𠜎" * 80 + ".jpg",
    "a long extension": "a." + "x" * 120,
    "a long Chinese extension": "a." + "写" * 90,
    "only spaces": "     ",
    "only dots and marks": "..!!",
    "only dots": "...",
    "marks alone": "???",
    "a hidden file": ".jpg",
    "parts": "../../etc/passwd",
    "markup": "<b>bold</b>.jpg",
    "ASCII": "a" * 240 + ".jpeg",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The responses of solutions/01-sync to uploads of NAMES, each with a good photo, and of many files."""
    folder = tmp_path_factory.mktemp("names")
    picture = folder / "a.jpg"
    picture.write_bytes(encoded(arrow(), "JPEG"))
    uploads = [["good.jpg", name] for name in NAMES.values()]
    uploads += [
        ["a.jpg"] * 51,
        ["a.jpg"] * 101,
        ["a.jpg"] * 900,
        ["a.heic"],
        ["a.avif"],
        ["a.jpg"] * 1001,
        [".."],
    ]
    project = Project(SOLUTIONS / "01-sync", folder, PYTHONWARNINGS="ignore")
    project.manage("migrate", "-v0")
    code = UPLOAD.format(picture=str(picture), names=json.dumps(uploads))
    return json.loads(project.shell(code).splitlines()[-1])


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_a_photo_of_any_name_is_resized(answers, number):
    status, resized, page = answers[number]
    assert (status, resized) == (200, 2), page


TWICE = """
import io
from django.core.files.base import ContentFile
from images.models import UploadedImage
from images.tasks import resize_image_task
from PIL import Image

content = io.BytesIO()
Image.new("RGB", (24, 16)).save(content, "WEBP")
for _ in range(2):
    file = ContentFile(content.getvalue(), {name!r})
    photo = UploadedImage.objects.create(image=file, width=24, height=16)
    resize_image_task(photo.pk)
print(*(photo.state for photo in UploadedImage.objects.all()))
"""


def test_a_second_photo_with_the_same_long_name_is_resized(solution):
    """Django adds eight characters to its name, and the resize writes a temporary file beside it."""
    assert solution("05-beat").shell(TWICE.format(name="𠜎" * 80 + ".webp")) == "resized resized"


@pytest.mark.parametrize("number", range(len(NAMES), len(NAMES) + 3), ids=["51", "101", "900"])
def test_too_many_photos_are_refused_with_a_sentence(answers, number):
    status, resized, page = answers[number]
    assert (status, resized) == (200, 0)
    assert "Choose at most 50 photos at once." in page


def test_a_heic_picture_is_named(answers):
    status, resized, page = answers[len(NAMES) + 3]
    assert (status, resized) == (200, 0)
    assert "a.heic: HEIC pictures are not supported. Export it as a JPEG." in page
    assert "a.avif: this is not a picture that can be read." in answers[len(NAMES) + 4][2]
    accepts = re.search(r'accept="([^"]+)"', page)[1].split(",")
    assert accepts[0] == "image/jpeg", "Safari converts HEIC pictures to the first of the types"
    assert "image/*" not in accepts


def test_a_file_whose_name_is_a_folder_is_not_there(answers):
    status, resized, page = answers[len(NAMES) + 6]
    assert (status, resized) == (200, 0)
    assert "Choose at least one photo." in page


def test_more_files_than_django_reads_are_refused_with_a_sentence(answers):
    status, resized, page = answers[len(NAMES) + 5]
    assert (status, resized) == (400, 0)
    assert "send fewer at once." in page
