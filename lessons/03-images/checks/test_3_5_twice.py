from pathlib import Path

import pytest

from workshop.checkkit import expect, photos, until

pytestmark = pytest.mark.step("3.5")

FILE = "myproject/settings.py, STORAGES"


def results(photo, settings):
    return sorted(file.name for file in Path(settings.MEDIA_ROOT).rglob(f"resized/{photo.pk}/*"))


@pytest.mark.parametrize("how", ["one after the other", "at the same time"])
def test_twice(task, worker, photo, settings, how):
    """A task that runs twice leaves one result and no file that nothing names."""
    kept = photo(photos.jpeg())
    sent = []
    for _ in range(2):
        sent.append(task.delay(kept.pk))
        if how == "one after the other":
            until(lambda: f"{sent[-1].id}] succeeded" in worker.log, 5)
    until(lambda: all(f"{each.id}] succeeded" in worker.log for each in sent), 5)
    found = results(kept, settings)
    expect(
        len(found) == 1,
        f"the task ran twice, {how}, and left {len(found)} files.",
        "Django's storage does not write over a file: it finds another name, and the first file stays behind.",
        expected="garden_resized.jpg",
        found="\n".join(found) or "no file",
        file=FILE,
    )
    kept.refresh_from_db()
    expect(
        kept.resized_image.name.endswith(found[0]),
        "the row names another file than the one that is there.",
        found=kept.resized_image.name,
        file=FILE,
    )


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
