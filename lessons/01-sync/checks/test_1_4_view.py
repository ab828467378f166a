import errno
import logging
import re
import struct
import sys
import time
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.db import IntegrityError
from PIL import Image

from workshop.checkkit import complain, expect, photos
from workshop.checkkit.code_locations import raised_at
from workshop.checkkit.observed_rows import expect_consistent_rows, observe_rows
from workshop.checkkit.photo_rows import expect_original

pytestmark = pytest.mark.step("1.4")

FILE = "images/views.py"
PATH = InMemoryStorage.path
EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
TECHNICAL = re.compile(r"Error|Exception|Traceback|Errno|truncated \(|chunk b|\bNone\b|0x")


def the_photo():
    from images.models import UploadedImage

    return UploadedImage.objects.get()


def with_a_hole():
    """A PNG whose second half is all zeros, as after an interrupted download. Pillow raises SyntaxError."""
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
    """After an upload, the photo is resized, and the row contains the size of the result."""
    try:
        upload(("garden.jpg", photos.jpeg()))
    except FileNotFoundError as error:
        complain(
            "the view didn't find the photo's file.",
            "photo.image.name is a name in the storage, not a path on disk. Open the file with "
            'photo.image.open("rb").',
            raised=f"{type(error).__name__}: {error}",
            raised_at=raised_at(error),
            file=f"{FILE}, resize_photo()",
        )
    photo = the_photo()
    reason = {"reason_given": photo.failure_reason} if photo.failure_reason else {}
    expect(
        photo.is_processed and photo.resized_image,
        "a photo was uploaded but not resized.",
        "Your code reports this photo as damaged, but it isn't. Either resize() didn't get an open file, or your code "
        'catches more than UnreadablePicture. Pass the file that photo.image.open("rb") opens to resize(), and catch '
        "only UnreadablePicture."
        if reason
        else "Pass the result of resize() to photo.attach_resized(), which stores it.",
        found=f"is_processed = {photo.is_processed}, resized_image = {photo.resized_image.name!r}",
        **reason,
        file=f"{FILE}, resize_photo()",
    )
    expect(
        (photo.resized_width, photo.resized_height) == (800, 600),
        f"the resized photo is {photo.resized_width}×{photo.resized_height} pixels.",
        "Call resize() without a size (or with 800 and 600), and let photo.attach_resized() store the result.",
        expected="800×600",
        file=f"{FILE}, resize_photo()",
    )
    name = photo.resized_image.name.rpartition("/")[2]
    expect(
        name == "garden_resized.jpg",
        f"the resized file is called {name}.",
        "Let photo.attach_resized() store the result: it chooses the name and fills in the row.",
        expected="garden_resized.jpg",
        file=f"{FILE}, resize_photo()",
    )


def test_rows_during_the_work(upload):
    """A photo marked as resized always has its file, and a good photo is never marked as failed."""
    with observe_rows() as rows:
        upload(("garden.jpg", photos.jpeg(400, 300)))
    expect_consistent_rows(rows, "the view", f"{FILE}, resize_photo()")


@pytest.mark.parametrize(("content", "name"), [(photos.jpeg, "garden.jpg"), (photos.png, "logo.png")])
def test_original_is_kept(upload, content, name):
    """The uploaded file is not changed."""
    upload((name, content()))
    expect_original(the_photo(), content(), f"{FILE}, resize_photo()")


def test_time_is_kept(upload, monkeypatch):
    """The row records how many seconds the resize took."""
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
        f"resize_seconds is {seconds}.",
        "Read time.perf_counter() before and after the resize, and pass the difference to attach_resized().",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        seconds >= slow,
        f"resize_seconds is {seconds:.6f}, but the resize took more than {slow} seconds.",
        "Read the clock before you call resize() and again afterwards. Use time.perf_counter(), because "
        "time.process_time() doesn't count the time that the process spends waiting.",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        seconds <= whole,
        f"resize_seconds is {seconds:.2f}, but the whole upload took {whole:.2f} seconds.",
        "Pass a number of seconds to attach_resized(): the difference between two readings of the clock.",
        file=f"{FILE}, resize_photo()",
    )


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (photos.webp, "sea.webp"),
        (photos.png, "logo.jpg"),
        (photos.mpo, "phone.jpg"),
        (photos.gif, "wave.gif"),
        (photos.cmyk, "print.jpg"),
    ],
)
def test_extension_follows_the_format(upload, content, name):
    """The extension of the resized file matches its format."""
    from images.resizing import resize

    try:
        extension = EXTENSIONS[resize(BytesIO(content())).format]
    except Exception:
        pytest.skip("resize() can't handle these formats yet (step 1.3).")
    upload((name, content()))
    photo = the_photo()
    stem = name.rpartition(".")[0]
    found = photo.resized_image.name.rpartition("/")[2]
    expect(
        found == f"{stem}_resized{extension}",
        f"the resized file of {name} is called {found!r}.",
        "The format of the result can differ from what the uploaded file's name suggests. Resized.extension matches "
        "that format, and attach_resized() uses the right extension.",
        expected=f"{stem}_resized{extension}",
        reason=photo.failure_reason or "none given",
        file=f"{FILE}, resize_photo()",
    )


def path_for_itself(storage, name):
    """Return a path only to Django's own code. Other code can't get a path, just as with S3."""
    caller = Path(sys._getframe(1).f_code.co_filename)
    if caller.parts[-4:-1] == ("core", "files", "storage"):
        return PATH(storage, name)
    raise NotImplementedError("This backend doesn't support absolute paths.")


def test_any_storage(upload, settings, monkeypatch):
    """The view reads the photo through Django's storage."""
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
        asked_at = raised_at(error)
    except FileNotFoundError as error:
        reason = f"{type(error).__name__}: {error}"
    complain(
        "the view uses the photo's .path."
        if asked_at
        else "the view looked for the photo's file outside Django's storage.",
        "A path works on only one machine, and storage such as S3 has no paths. Open the file with "
        'photo.image.open("rb"), which works with any storage.',
        **({"asked_at": asked_at} if asked_at else {"reason_given": reason or "none"}),
        file=f"{FILE}, resize_photo()",
    )


@pytest.mark.parametrize(
    ("content", "name", "about"),
    [
        (photos.cut_short, "cut.jpg", "a photo file whose end is missing"),
        (with_a_hole, "hole.png", "a PNG that is damaged in the middle"),
    ],
)
def test_damaged(upload, content, name, about):
    """A damaged photo is kept, and the visitor is told why the photo was not resized."""
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
        f"the database rejected the row that the view saved for {about}.",
        "is_processed=True means that the photo has a resized file. A photo that can't be resized has no resized file, "
        "so store only a reason, with photo.fail(reason).",
        exception=f"{type(raised).__name__}: {raised}",
        raised_at=raised_at(raised) if raised else "",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        name not in found or not found[name].is_processed,
        f"{about} is marked as resized.",
        "is_processed=True means that the photo has a resized file. A photo that can't be resized has no resized file, "
        "so store only a reason, with photo.fail(reason).",
        file=f"{FILE}, resize_photo()",
    )
    if raised:
        complain(
            f"after uploading {about}, the visitor gets an error page.",
            "After photo.fail(), your code continues, although there is no result to store. Call attach_resized() in "
            "the else block, which runs only if the try block raised no exception."
            if name in found and found[name].failure_reason
            else "Catch UnreadablePicture, which resize() raises for a damaged picture.",
            raised=f"{type(raised).__name__}: {raised}",
            raised_at=raised_at(raised),
            file=f"{FILE}, resize_photo()",
        )
    if name not in found:
        complain(
            f"the row for {about} is gone.",
            "Keep the photo, and store the reason with photo.fail(reason), so that the visitor sees both in the photo "
            "list.",
            file=f"{FILE}, resize_photo()",
        )
    page = response.content.decode()
    reason = found[name].failure_reason
    expect(
        reason or f"{name}:" not in page,
        f"the page after the upload says why {about} was not resized, but the next page doesn't.",
        "You set failure_reason but didn't save the row. Call photo.fail(reason), which sets the reason and saves the row.",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        reason,
        f"the row for {about} contains no reason that a visitor can understand.",
        "Catch UnreadablePicture and store a reason with photo.fail(reason).",
        found=repr(reason),
        file=f"{FILE}, resize_photo()",
    )
    expect(
        not TECHNICAL.search(reason),
        "the reason contains the text of an exception.",
        "The exception's text is for developers. Write a sentence for the visitor, and pass that sentence to "
        "photo.fail(reason).",
        found=repr(reason),
        file=f"{FILE}, resize_photo()",
    )
    expect(
        found["sea.jpg"].is_processed and found["lake.jpg"].is_processed,
        "because one photo in an upload was damaged, a good photo in the same upload was not resized.",
        "Put the try statement inside resize_photo(), so that it runs for each photo. If the try statement surrounds "
        "the loop, the loop stops at the first damaged photo.",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        reason in page,
        "the page after the upload doesn't show the reason.",
        "Call photo.fail(reason) on the same photo object that was passed to resize_photo(), because "
        "add_upload_messages() reads failure_reason from that object.",
        file=f"{FILE}, resize_photo()",
    )
    expect_original(found[name], content(), f"{FILE}, resize_photo()")


class StorageError(Exception):
    """A storage service's library may raise an exception that is not an OSError."""


CANNOT_READ = [
    OSError(errno.EIO, "Input/output error"),
    FileNotFoundError(errno.ENOENT, "No such file or directory"),
    StorageError("The storage service does not respond."),
]
BUGS = [
    kind("a bug in resizing.py") for kind in (ValueError, TypeError, KeyError, AttributeError, RuntimeError)
]
"""UnreadablePicture is a ValueError, but a ValueError can be anything."""


def reason_when(upload, monkeypatch, caplog, owner, method, error, folder=""):
    """Return the reason stored for a good photo when the method of the class `owner` raises `error`.

    With `folder`, the method raises the error only for names in that folder of the storage. Fails if the view hides the error.
    """
    original, content, raised = getattr(owner, method), photos.jpeg(400, 300), None

    def fails(self, first, *arguments, **options):
        if not folder or first.startswith(folder):
            raise error
        return original(self, first, *arguments, **options)

    caplog.clear()
    with monkeypatch.context() as patch:
        patch.setattr(owner, method, fails)
        try:
            upload(("garden.jpg", content))
        except Exception as exception:
            raised = exception
    photo = the_photo()
    logged = [record for record in caplog.records if record.levelno >= logging.WARNING]
    expect(
        raised or photo.is_processed or photo.failure_reason or logged,
        f"the view hides an error that has nothing to do with the picture: {type(error).__name__}.",
        "You will never learn about this error: there is no error page, no reason and no log entry. Catch only "
        "UnreadablePicture.",
        file=f"{FILE}, resize_photo()",
    )
    reason = photo.failure_reason
    photo.delete()
    return reason


def reason_of_damage(upload):
    upload(("cut.jpg", photos.cut_short()))
    return the_photo().failure_reason


@pytest.mark.parametrize("error", CANNOT_READ, ids=lambda error: type(error).__name__)
def test_only_damage_counts_as_damage(upload, monkeypatch, caplog, error):
    """If the storage can't read the file, the photo is not reported as damaged."""
    reason = reason_when(upload, monkeypatch, caplog, FileSystemStorage, "_open", error, "uploads/")
    expect(
        not reason or reason != reason_of_damage(upload),
        f"the storage could not read a good photo, but the view reports it as damaged: {reason}",
        "Catch only UnreadablePicture. Exception and OSError also catch errors that have nothing to do with the "
        "picture, such as a disk error or a bug in your code. Don't catch such errors, or you won't learn about them.",
        raised=f"{type(error).__name__}: {error}",
        file=f"{FILE}, resize_photo()",
    )


def test_result_is_stored_outside_of_the_try(upload, monkeypatch, caplog):
    """If the result can't be stored, the photo is not reported as damaged."""
    from images.models import UploadedImage
    from images.pictures import UnreadablePicture

    for error in (
        OSError(errno.ENOSPC, "No space left on device"),
        UnreadablePicture("raised while storing the result"),
    ):
        reason = reason_when(upload, monkeypatch, caplog, FileSystemStorage, "_save", error, "resized/")
        expect(
            not reason or reason != reason_of_damage(upload),
            f"the resize worked but storing the result failed, so the view should not report the photo as damaged: {reason}",
            "Only opening and resizing the photo belong in the try block. Call attach_resized() in the else block, "
            "which runs only if nothing was raised. The except block doesn't catch exceptions raised in the else block.",
            raised=f"{type(error).__name__}: {error}",
            file=f"{FILE}, resize_photo()",
        )
        UploadedImage.objects.all().delete()


@pytest.mark.parametrize("bug", BUGS, ids=lambda error: type(error).__name__)
def test_a_bug_is_not_damage(upload, monkeypatch, caplog, bug):
    """If resize() fails because of a bug in the code, the photo is not reported as damaged."""
    reason = reason_when(upload, monkeypatch, caplog, Image.Image, "save", bug)
    expect(
        not reason or reason != reason_of_damage(upload),
        f"there was a bug in resizing.py, but the view reports a good photo as damaged: {reason}",
        "resize() raises UnreadablePicture for every damaged picture, and any other exception for a mistake in the "
        "code. Catch only UnreadablePicture, so that you learn about your mistakes.",
        raised=f"{type(bug).__name__}: {bug}",
        file=f"{FILE}, resize_photo()",
    )
