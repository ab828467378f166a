from pathlib import Path

import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("3.5")

FILE = "myproject/settings.py, STORAGES"


def results(photo, settings):
    return sorted(file.name for file in Path(settings.MEDIA_ROOT).rglob(f"resized/{photo.pk}/*"))


def expect_success(line, how):
    """line: what the worker says of the end of a run, "" when there was none."""
    if not line.startswith("succeeded"):
        complain(
            f"the task ran twice, {how}, and one of the runs "
            + ("failed." if line else "has not come to its end in ten seconds."),
            ""
            if line
            else "A storage whose get_available_name() returns a name that is taken tries that name for ever: "
            "FileSystemStorage does not write over a file unless allow_overwrite says so.",
            worker_says=line or "nothing",
            file=FILE,
        )


def expect_one_file(photo, settings, how):
    photo.refresh_from_db()
    found = results(photo, settings)
    expect(
        len(found) == 1,
        f"the task ran twice, {how}, and left {len(found)} files.",
        "Django's storage does not write over a file: it finds another name, and the first file stays behind. "
        "What a task looks up or deletes before it writes, another one may write meanwhile.",
        expected="garden_resized.jpg",
        found="\n".join(found) or "no file",
        file=FILE,
    )
    expect(
        photo.resized_image.name.endswith(found[0]),
        "the row names another file than the one that is there.",
        found=photo.resized_image.name,
        file=FILE,
    )


def test_one_after_the_other(task, photo, settings, ended):
    """A task that runs again does its work again, and leaves one file."""
    kept = photo(photos.jpeg(400, 300))
    for box in (200, 100):
        sent = task.delay(kept.pk, max_width=box, max_height=box)
        until(lambda: ended(sent.id), 10)  # noqa: B023
        expect_success(ended(sent.id), "one after the other")
    expect_one_file(kept, settings, "one after the other")
    expect(
        kept.resized_width == 100,
        "the second run was for a smaller box, and the photo is as the first run left it.",
        "A task that leaves out what is done already cannot be used to do it anew, as manage.py resize_again does "
        "after a change of size.",
        expected="100×75",
        found=f"{kept.resized_width}×{kept.resized_height}",
        file="images/tasks.py, resize_image_task()",
    )


def test_at_the_same_time(task, photo, settings, storage, ended):
    """A task that runs twice at the same time leaves one file, too."""
    storage("slow 0.4")  # so that both are at it when the first one writes
    kept = photo(photos.jpeg(400, 300))
    sent = [task.delay(kept.pk) for _ in range(2)]
    until(lambda: all(ended(each.id) for each in sent), 10)
    for each in sent:
        expect_success(ended(each.id), "at the same time")
    expect_one_file(kept, settings, "at the same time")


def test_uploads_keep_their_names_apart(upload, queue):
    """Two visitors who upload a photo of the same name both keep theirs."""
    from images.models import UploadedImage

    for colour in ("L", "RGB"):
        upload(("IMG_0001.jpg", photos.encoded(photos.scene(400, 300, colour), "JPEG")))
    found = {photo.image.name for photo in UploadedImage.objects.all()}
    expect(
        len(found) == 2,
        "two uploads have the same name, and the second took the first one's place.",
        'allow_overwrite is for the storage "resized" alone, where each photo has a folder of its own.',
        file=FILE,
    )
