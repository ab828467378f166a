import os
import time
from pathlib import Path

import pytest

from workshop.checkkit import expect, photos
from workshop.checkkit.rows import finish

pytestmark = pytest.mark.step("5.8")

FILE = "upkeep/tidying.py, orphans()"
SMALL = photos.jpeg(80, 60)
TABLE = "images_uploadedimage"


@pytest.fixture
def media(settings):
    """media(name, hours) is a file in the media folder that was written so many hours ago."""
    root = Path(settings.MEDIA_ROOT)

    def make(name, hours):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_bytes(SMALL)
        then = time.time() - hours * 3600
        os.utime(file, (then, then))
        return file

    media_root = root
    media_root.mkdir(parents=True, exist_ok=True)
    return make


@pytest.fixture
def kept(photo, media):
    """kept(name, hours) is a photo whose two files were written so many hours ago."""

    def make(name="garden.jpg", hours=100):
        row = photo(SMALL, name)
        finish(row)
        for file in (row.image.name, row.resized_image.name):
            media(file, hours)
        return row

    return make


def orphans():
    from upkeep import tidying

    found = list(tidying.orphans())
    wrong = [each for each in found if not isinstance(each, str) or Path(each).is_absolute()]
    expect(
        not wrong,
        "orphans() returns something other than names.",
        "A storage takes names such as uploads/garden.jpg. A bucket has no paths.",
        found="\n".join(map(repr, wrong)),
        file=FILE,
    )
    return sorted(found)


def test_found(kept, media):
    """Files that no row names are found in every folder, when they are older than a day."""
    kept()
    media("uploads/lost.jpg", 30)
    media("resized/77/garden_resized.jpg", 30)
    media("exports/9f8e.zip", 30)
    expected = ["exports/9f8e.zip", "resized/77/garden_resized.jpg", "uploads/lost.jpg"]
    found = orphans()
    expect(
        set(found) >= set(expected),
        "files that belong to no photo are not found.",
        "Uploads, results in a folder for each photo, and the ZIP file of a batch: stored_files() goes into every "
        "folder.",
        expected="\n".join(expected),
        found="\n".join(found) or "none",
        file=FILE,
    )


def test_named_stays(kept, media):
    """A file that a row names stays, however old: the upload and the resized photo."""
    row = kept(hours=5000)
    twin = kept("garden_resized.jpg", hours=5000)
    found = orphans()
    for photo in (row, twin):
        for what, name in (("an upload", photo.image.name), ("a resized photo", photo.resized_image.name)):
            expect(
                name not in found,
                f"{what} that a row names is taken for an orphan.",
                "A photo has two files, image and resized_image. What a name looks like says nothing: the row does.",
                named_by=f"photo {photo.pk}",
                found="\n".join(found),
                file=FILE,
            )


def test_young_stays(media):
    """A file that is younger than GRACE stays: its row may come in a moment."""
    media("uploads/now.jpg", 0)
    media("resized/5/now_resized.jpg", 20)
    found = orphans()
    expect(
        not found,
        "a file that is younger than GRACE is taken for an orphan.",
        "An upload is a file first, and a row a moment later. In between no row names it.",
        found="\n".join(found),
        file=FILE,
    )


def test_others_stay(media):
    """Files outside of the site's folders stay: a bucket may be shared."""
    media("invoices/2026.pdf", 5000)
    media("readme.txt", 5000)
    found = orphans()
    expect(
        not found,
        "a file that is not in one of the site's folders is taken for an orphan.",
        "Another site may use the same bucket. stored_files() lists uploads, resized and exports only.",
        found="\n".join(found),
        file=FILE,
    )


def test_between_the_looks(photo, media, meanwhile):
    """A photo that comes in between the look at the files and the look at the rows stays."""
    from images.models import UploadedImage

    media("uploads/lost.jpg", 30)

    def arrives():  # with the dates of its files, as when somebody brings back what was lost
        media("uploads/brought-back.jpg", 3000)
        UploadedImage.objects.bulk_create(
            [UploadedImage(image="uploads/brought-back.jpg", width=80, height=60)]
        )

    found = meanwhile(orphans, TABLE, arrives)
    expect(
        "uploads/brought-back.jpg" not in found,
        "a photo came in while the orphans were looked for, and its file is to be removed.",
        "The names in the rows were read, then the photo was brought back with its old date, then the files were "
        "listed. Files first, then rows: a file that comes in between is not in the list.",
        found="\n".join(found),
        file=FILE,
    )


def test_tidy(kept, media):
    """tidy() removes them and says how many bytes that were."""
    from upkeep import tidying

    row = kept()
    lost = media("uploads/lost.jpg", 30)
    count, size = tidying.tidy()
    expect(
        (count, size) == (1, len(SMALL)) and not lost.exists(),
        "the orphaned file is still there.",
        found=f"{count} files, {size} bytes",
        file=FILE,
    )
    expect(Path(row.image.path).exists(), "a photo was removed.", file=FILE)
