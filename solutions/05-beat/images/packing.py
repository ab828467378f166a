"""Many photos in one ZIP file."""

import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import PurePosixPath

from django.core.files import File

from .resizing import resize

SCREEN = (1600, 1200)


@contextmanager
def packed(photos, report):
    """A ZIP file with the photos, 1600×1200 pixels at most each, as a File to read; it is gone afterwards.

    report(done) is called before each photo and once after the last, with the number of photos in the file.
    """
    with tempfile.TemporaryFile() as file:
        # The photos are compressed already.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as pack:
            for done, photo in enumerate(photos):
                report(done)
                with photo.image.open("rb") as original:
                    resized = resize(original, *SCREEN)
                pack.writestr(
                    f"{photo.pk}-{PurePosixPath(photo.name).stem}{resized.extension}", resized.content
                )
        report(len(photos))
        file.seek(0)
        yield File(file)
