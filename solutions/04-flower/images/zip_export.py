"""Many photos in one ZIP file."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath

from django.conf import settings
from django.core.files import File

from .models import UploadedImage
from .pictures import UnreadablePicture
from .resizing import resize

SCREEN = (1600, 1200)
"""The largest width and height of a photo in the file, in pixels."""


@contextmanager
def write_zip(
    photos: Sequence[UploadedImage], report_progress: Callable[[int], None]
) -> Iterator[tuple[File, int]]:
    """Write the photos into a temporary ZIP file, opened for reading inside the `with` block.

    The file is in the folder for incoming uploads, because the folder for temporary files may be in memory.

    Leaves out a photo whose file is damaged or deleted in the meantime. The block gets the file, and the
    number of photos in it. `report_progress(done)` is called before each photo and once after the last, with
    the number of photos that are done.
    """
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as file:
        # The photos are compressed already.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for done, photo in enumerate(photos):
                report_progress(done)
                try:
                    with photo.image.open("rb") as original:
                        resized = resize(original, *SCREEN)
                except (FileNotFoundError, UnreadablePicture):
                    continue
                archive.writestr(
                    f"{photo.pk}-{PurePosixPath(photo.name).stem}{resized.extension}", resized.content
                )
        report_progress(len(photos))
        file.seek(0)
        yield File(file), len(archive.namelist())
