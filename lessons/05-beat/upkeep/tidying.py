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
    # TODO 5.7: first the files, then the names in the rows: which is the safe order?
    return []


def tidy():
    """Remove the orphans. Returns how many there were, and their bytes."""
    if buckets.USED:
        return buckets.tidy(time.time() - GRACE)
    found = orphans()
    size = sum(file.stat().st_size for file in found)
    for file in found:
        file.unlink(missing_ok=True)
    return len(found), size
