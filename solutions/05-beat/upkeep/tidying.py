"""Files that no photo names: of a task that was killed between the file and the row, or old ZIP exports."""

import time
from pathlib import Path

from django.conf import settings
from images.models import UploadedImage

from . import buckets

GRACE = 24 * 3600
"""Seconds for which a file may lie there without a row: an upload is a file first, a row a moment later."""


def orphans(now=None):
    """Files of the media folder that are older than GRACE and that no row names."""
    root, oldest = Path(settings.MEDIA_ROOT), (now or time.time()) - GRACE
    # First the files, then the rows: what is uploaded in between is not in this list.
    files = [file for file in root.rglob("*") if file.is_file() and file.stat().st_mtime < oldest]
    named = {name for names in UploadedImage.objects.values_list("image", "resized_image") for name in names}
    return [file for file in files if file.relative_to(root).as_posix() not in named]


def tidy():
    """Remove the orphans. Returns how many there were, and their bytes."""
    if buckets.USED:
        return buckets.tidy(time.time() - GRACE)
    found = orphans()
    size = sum(file.stat().st_size for file in found)
    for file in found:
        file.unlink(missing_ok=True)
    return len(found), size
