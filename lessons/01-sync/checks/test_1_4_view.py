import re
import struct
import sys
import time
import traceback
import zlib
from pathlib import Path

import pytest
from django.core.files.storage import InMemoryStorage
from django.db import IntegrityError
from PIL import Image

from workshop.checkkit import complain, expect, photos
from workshop.checkkit.worker import place_in

pytestmark = pytest.mark.step("1.4")

FILE = "images/views.py"
PATH = InMemoryStorage.path
TECHNICAL = re.compile(r"Error|Exception|Traceback|Errno|truncated \(|chunk b|\bNone\b|0x")


def the_photo():
    from images.models import UploadedImage

    return UploadedImage.objects.get()


def with_a_hole():
    """A PNG with zeros from the middle on, as a download that broke off leaves it: Pillow raises SyntaxError."""
    content = photos.png_of(1000, 750)
    start = content.index(b"IDAT") - 4
    part = content[start + 4 : start + 208]
    return (
        content[:start]
        + struct.pack(">I", len(part) - 4)
        + part
        + struct.pack(">I", zlib.crc32(part))
        + bytes(400)
    )


def test_upload_is_resized(upload):
    """An uploaded photo is resized when the answer comes, and kept with its figures."""
    try:
        upload(("garden.jpg", photos.jpeg()))
    except FileNotFoundError as error:
        complain(
            "the view does not find the photo's file.",
            'photo.image.name is a name in the storage, not a path. photo.image.open("rb") finds it.',
            raised=f"{type(error).__name__}: {error}",
            raised_at=place_in(Path.cwd(), traceback.extract_tb(error.__traceback__)) or "?",
            file=f"{FILE}, resize_photo()",
        )
    photo = the_photo()
    reason = {"reason_given": photo.failure_reason} if photo.failure_reason else {}
    expect(
        photo.is_processed and photo.resized_image,
        "a photo was uploaded, and it is not resized.",
        "Your code takes this photo for a damaged one, and it is not. FileNotFoundError and PermissionError "
        'are OSErrors as well, and your except took one: is it the right file? photo.image.open("rb") finds it.'
        if reason
        else "resize() gives you a Resized; photo.attach_resized() keeps it.",
        found=f"is_processed = {photo.is_processed}, resized_image = {photo.resized_image.name!r}",
        **reason,
        file=f"{FILE}, resize_photo()",
    )
    expect(
        (photo.resized_width, photo.resized_height) == (800, 600),
        f"the photo is kept with {photo.resized_width}×{photo.resized_height} pixels.",
        expected="800×600",
        file=f"{FILE}, resize_photo()",
    )
    name = photo.resized_image.name.rpartition("/")[2]
    expect(
        name == "garden_resized.jpg",
        f"the result is called {name}.",
        "photo.attach_resized() names it, and writes the figures beside it.",
        expected="garden_resized.jpg",
        file=f"{FILE}, resize_photo()",
    )


def test_time_is_kept(upload, monkeypatch):
    """The page can say how long the resize took."""
    save, slow = Image.Image.save, 0.03

    def slow_save(picture, *arguments, **options):
        time.sleep(slow)
        return save(picture, *arguments, **options)

    monkeypatch.setattr(Image.Image, "save", slow_save)
    started = time.perf_counter()
    upload(("garden.jpg", photos.jpeg(400, 300)))
    whole = time.perf_counter() - started
    seconds = the_photo().resize_seconds
    expect(
        seconds and seconds > 0,
        f"the photo says that its resize took {seconds} seconds.",
        "Read time.perf_counter() before and after, and give the difference to attach_resized().",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        seconds >= slow,
        f"the photo says that its resize took {seconds:.6f} seconds, and it took longer than {slow}.",
        "The clock has to be read before resize() begins and again when it has ended. time.perf_counter() is that "
        "clock; time.process_time() leaves out the waiting.",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        seconds <= whole,
        f"the photo says that its resize took {seconds:.2f} seconds, and the whole upload took {whole:.2f}.",
        "attach_resized() takes seconds, and the difference of two readings of the clock.",
        file=f"{FILE}, resize_photo()",
    )


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (photos.mpo, "phone.jpg"),
        (photos.gif, "wave.gif"),
        (photos.webp, "sea.webp"),
        (photos.cmyk, "print.jpg"),
    ],
)
def test_extension_follows_the_format(upload, content, name):
    """The result's name ends as its format asks."""
    upload((name, content()))
    photo = the_photo()
    stem = name.rpartition(".")[0]
    extension = ".webp" if name.endswith("webp") else ".jpg"
    found = photo.resized_image.name.rpartition("/")[2]
    expect(
        found == f"{stem}_resized{extension}",
        f"the result of {name} is called {found!r}.",
        "What is written may have another format than what was uploaded: Resized.extension goes by that.",
        expected=f"{stem}_resized{extension}",
        reason=photo.failure_reason or "none given",
    )


def path_for_itself(storage, name):
    """A path for Django's own use; for everybody else there is none, as with S3."""
    caller = Path(sys._getframe(1).f_code.co_filename)
    if caller.parts[-4:-1] == ("core", "files", "storage"):
        return PATH(storage, name)
    raise NotImplementedError("This backend doesn't support absolute paths.")


def test_any_storage(upload, settings, monkeypatch):
    """The photo is read through Django's storage, wherever that keeps it."""
    monkeypatch.setattr(InMemoryStorage, "path", path_for_itself)
    in_memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = settings.STORAGES | {"default": in_memory}
    asked_at, reason = None, ""
    try:
        upload(("garden.jpg", photos.jpeg(400, 300)))
        photo = the_photo()
        if photo.is_processed:
            return
        reason = photo.failure_reason
    except NotImplementedError as error:
        asked_at = place_in(Path.cwd(), traceback.extract_tb(error.__traceback__))
    except FileNotFoundError as error:
        reason = f"{type(error).__name__}: {error}"
    complain(
        "the view asks for the photo's .path."
        if asked_at
        else "the photo was not found where Django's storage keeps it.",
        "A path is good on one machine, for files on its disk. A storage such as S3 has none. "
        'photo.image.open("rb") works with all of them.',
        **({"asked_at": asked_at} if asked_at else {"reason_given": reason or "none"}),
        file=f"{FILE}, resize_photo()",
    )


@pytest.mark.parametrize(
    ("content", "name", "about"),
    [
        (photos.cut_short, "cut.jpg", "a photo that was cut short"),
        (with_a_hole, "hole.png", "a PNG that is damaged in the middle"),
    ],
)
def test_damaged(upload, content, name, about):
    """A photo that is damaged or cut short is kept, and the visitor reads why it is not resized."""
    from images.models import UploadedImage

    response, raised = None, None
    try:
        response = upload(
            ("sea.jpg", photos.jpeg(400, 300)), (name, content()), ("lake.jpg", photos.jpeg(400, 300))
        )
    except Exception as error:
        raised = error
    found = {photo.name: photo for photo in UploadedImage.objects.all()}
    expect(
        not isinstance(raised, IntegrityError),
        f"the database refused what the view saves for {about}.",
        "is_processed says that there is a resized file. A photo that failed gets a reason and nothing else: "
        "photo.fail(reason).",
        exception=f"{type(raised).__name__}: {raised}",
        raised_at=place_in(Path.cwd(), traceback.extract_tb(raised.__traceback__)) if raised else "",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        name not in found or not found[name].is_processed,
        f"{about} is marked as resized.",
        "is_processed says that there is a resized file. A photo that failed gets a reason and nothing else: "
        "photo.fail(reason).",
        file=f"{FILE}, resize_photo()",
    )
    if raised:
        complain(
            f"{about} ends the upload with an error page: {type(raised).__name__}: {raised}".rstrip(".")
            + ".",
            "resize() raises UnreadablePicture for a damaged picture: except UnreadablePicture.",
            raised_at=place_in(Path.cwd(), traceback.extract_tb(raised.__traceback__)) or "?",
            file=f"{FILE}, resize_photo()",
        )
    if name not in found:
        complain(
            "a photo that cannot be read is gone; it should be kept, with the reason.",
            "The visitor has to find it in the list, with the reason beside it: photo.fail(reason) keeps both.",
            file=f"{FILE}, resize_photo()",
        )
    page = response.content.decode()
    reason = found[name].failure_reason
    expect(
        reason or f"{name}:" not in page,
        f"the page after the upload says why {about} is not resized, and the next page does not.",
        "The reason is set, and not saved. photo.fail(reason) does both.",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        reason,
        f"{about} has no reason that a visitor can read.",
        "Catch UnreadablePicture, and say it in words: photo.fail(reason).",
        found=repr(reason),
        file=f"{FILE}, resize_photo()",
    )
    expect(
        not TECHNICAL.search(reason),
        "the reason is written for you, not for a visitor.",
        "What an exception says is meant for who wrote the code. Say in words of your own what the visitor can do "
        "or expect: photo.fail(reason).",
        found=repr(reason),
        file=f"{FILE}, resize_photo()",
    )
    expect(
        found["sea.jpg"].is_processed and found["lake.jpg"].is_processed,
        "one photo of an upload was damaged, and a good one beside it is not resized.",
        "Each photo has a try of its own. Around the loop, the first damaged one ends it for all that follow.",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        reason in page,
        "the page after the upload does not show the reason.",
        file=f"{FILE}, add_upload_messages()",
    )
