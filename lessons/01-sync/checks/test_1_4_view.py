import re

import pytest

from workshop.checkkit import complain, expect, photos

pytestmark = pytest.mark.step("1.4")

FILE = "images/views.py"


def the_photo():
    from images.models import UploadedImage

    return UploadedImage.objects.get()


def test_upload_is_resized(upload):
    """An uploaded photo is resized when the answer comes, and kept with its figures."""
    upload(("garden.jpg", photos.jpeg()))
    photo = the_photo()
    expect(
        photo.is_processed and photo.resized_image,
        "a photo was uploaded, and it is not resized.",
        "resize() gives you a Resized; photo.attach_resized() keeps it.",
        found=f"is_processed = {photo.is_processed}, resized_image = {photo.resized_image.name!r}",
        file=f"{FILE}, resize_photo()",
    )
    expect(
        (photo.resized_width, photo.resized_height) == (800, 600),
        f"the photo is kept with {photo.resized_width}×{photo.resized_height} pixels.",
        expected="800×600",
        file=f"{FILE}, resize_photo()",
    )
    name = photo.resized_image.name.rpartition("/")[2]
    expect(name == "garden_resized.jpg", f"the result is called {name}.", expected="garden_resized.jpg")


def test_time_is_kept(upload):
    """The page can say how long the resize took."""
    upload(("garden.jpg", photos.jpeg()))
    seconds = the_photo().resize_seconds
    expect(
        seconds and 0 < seconds < 60,
        f"the photo says that its resize took {seconds} seconds.",
        "Read time.perf_counter() before and after, and give the difference to attach_resized().",
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
        expected=f"{stem}_resized{extension}",
        reason=photo.failure_reason or "none given",
    )


def test_cut_short(upload):
    """A photo of which only a half arrived is kept, and the visitor reads why it is not resized."""
    response = upload(("sea.jpg", photos.jpeg()), ("cut.jpg", photos.cut_short()))
    from images.models import UploadedImage

    found = {photo.name: photo for photo in UploadedImage.objects.all()}
    if "cut.jpg" not in found:
        complain("a photo that cannot be read is gone; it should be kept, with the reason.", file=FILE)
    reason = found["cut.jpg"].failure_reason
    expect(
        reason and not re.search(r"Error|Exception|Traceback|truncated \(", reason),
        "a photo that was cut short has no reason that a visitor understands.",
        "Catch what Pillow raises (UNREADABLE), and say it in words: photo.fail(reason).",
        found=repr(reason),
        file=f"{FILE}, resize_photo()",
    )
    expect(
        found["sea.jpg"].is_processed,
        "one photo of an upload was damaged, and the good one beside it is not resized.",
        file=f"{FILE}, resize_photo()",
    )
    expect(reason in response.content.decode(), "the page after the upload does not show the reason.")
