import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from workshop.checkkit import expect, photos
from workshop.checkkit.photo_rows import mark_resized

pytestmark = pytest.mark.step("5.8")

FILE = "upkeep/tidying.py, orphans()"
SMALL = photos.jpeg(80, 60)
TABLE = "images_uploadedimage"


@pytest.fixture
def media(settings):
    """media(name, hours) makes a file in the media folder that is `hours` hours old."""
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
    """kept(name, hours) makes a photo whose two files are `hours` hours old."""

    def make(name="garden.jpg", hours=100):
        row = photo(SMALL, name)
        mark_resized(row)
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
        "orphans() returned something other than names.",
        "A bucket has no paths, so Django's storage uses names such as uploads/garden.jpg. Return names "
        "from stored_files().",
        found="\n".join(map(repr, wrong)),
        file=FILE,
    )
    return sorted(found)


def test_found(kept, media, settings):
    """In every folder, files that no row refers to are found if they are older than a day."""
    kept()
    media("uploads/lost.jpg", 30)
    media("resized/77/garden_resized.jpg", 30)
    media("exports/9f8e.zip", 30)
    for folder in ("uploads", "resized/77", "resized", "exports"):
        media(folder, 30)
    expected = ["exports/9f8e.zip", "resized/77/garden_resized.jpg", "uploads/lost.jpg"]
    found = orphans()
    expect(
        set(found) >= set(expected),
        "orphans() did not find all orphaned files.",
        "Use stored_files(), which lists uploads, the resized photos in their folders, and ZIP exports. "
        "Return the names that are not in any row.",
        expected="\n".join(expected),
        found="\n".join(found) or "none",
        file=FILE,
    )

    folders = [name for name in found if Path(settings.MEDIA_ROOT, name).is_dir()]
    expect(
        not folders,
        "orphans() returned folders.",
        "Return only file names, as stored_files() does.",
        found="\n".join(folders),
        file=FILE,
    )


def test_named_stays(kept, photo, media):
    """If a row refers to an upload or a resized photo, the file stays, however old it is."""
    row = kept(hours=5000)
    twin = kept("garden_resized.jpg", hours=5000)
    waiting, failed = photo(SMALL, "waiting.jpg"), photo(SMALL, "broken.jpg")
    failed.fail("This picture is damaged or cut short.")
    for each in (waiting, failed):
        media(each.image.name, 5000)
    type(row).objects.update(uploaded_at=timezone.now() - timedelta(hours=5000))
    found = orphans()
    for owner in (row, twin, waiting, failed):
        for what, name in (("an upload", owner.image.name), ("a resized photo", owner.resized_image.name)):
            expect(
                not name or name not in found,
                f"orphans() returned {what} that belongs to a row.",
                "A photo has two files. Compare with both columns, image and resized_image, in every row. "
                "You can't tell from a file's name whether it is an orphan.",
                named_by=f"photo {owner.pk}, {owner.state.label}",
                found="\n".join(found),
                file=FILE,
            )


def test_young_stays(media):
    """A file that is younger than GRACE stays, because its row may be about to be saved."""
    media("uploads/now.jpg", 0)
    media("resized/5/now_resized.jpg", 20)
    found = orphans()
    expect(
        not found,
        "orphans() returned a file that is younger than GRACE.",
        "An upload writes its file first and its row a moment later. Return only files for which is_old() "
        "returns True.",
        found="\n".join(found),
        file=FILE,
    )


def test_others_stay(media):
    """Files outside the site's folders stay, because a bucket may be shared."""
    media("invoices/2026.pdf", 5000)
    media("readme.txt", 5000)
    found = orphans()
    expect(
        not found,
        "orphans() returned a file outside the site's folders.",
        "Another site may use the same bucket. Use stored_files(), which lists only the folders uploads, "
        "resized and exports.",
        found="\n".join(found),
        file=FILE,
    )


def test_between_the_looks(photo, media, run_between):
    """If a photo is uploaded between reading the files and reading the rows, its files stay."""
    from images.models import UploadedImage

    media("uploads/lost.jpg", 30)

    def arrives():  # with the dates of its files, as when somebody brings back what was lost
        media("uploads/brought-back.jpg", 3000)
        UploadedImage.objects.bulk_create(
            [UploadedImage(image="uploads/brought-back.jpg", width=80, height=60)]
        )

    found = run_between(orphans, TABLE, arrives)
    expect(
        "uploads/brought-back.jpg" not in found,
        "a photo was added while orphans() was running, and orphans() returned its file.",
        "The photo was added after orphans() had read the rows and before it read the files. Read the files "
        "first, then the rows.",
        found="\n".join(found),
        file=FILE,
    )


def test_tidy(kept, media):
    """tidy() removes the orphans, and returns their number and their total size in bytes."""
    from upkeep import tidying

    row = kept()
    lost = media("uploads/lost.jpg", 30)
    count, size = tidying.tidy()
    expect(
        (count, size) == (1, len(SMALL)) and not lost.exists(),
        "tidy() did not remove the only orphaned file.",
        found=f"{count} files, {size} bytes",
        file=FILE,
    )
    expect(Path(row.image.path).exists(), "tidy() removed a file that belongs to a row.", file=FILE)
