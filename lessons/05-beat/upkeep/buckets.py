"""What is in the bucket, where photos lie in one. A bucket has no folder to walk through."""

from datetime import UTC, datetime

from django.conf import settings
from django.core.files.storage import default_storage
from images.models import UploadedImage

USED = bool(getattr(settings, "AWS_STORAGE_BUCKET_NAME", ""))


def names(folder=""):
    """The name of each file in the bucket."""
    folders, files = default_storage.listdir(folder)
    for each in folders:
        yield from names(f"{folder}{each}/")
    yield from (folder + file for file in files if file)


def orphans(oldest):
    """Names of the files that are older than the time stamp `oldest`, and that no row names."""
    before = datetime.fromtimestamp(oldest, UTC)
    # First the files, then the rows, as in a folder.
    old = [name for name in names() if default_storage.get_modified_time(name) < before]
    named = {name for row in UploadedImage.objects.values_list("image", "resized_image") for name in row}
    return [name for name in old if name not in named]


def tidy(oldest):
    """Remove the orphans. Returns how many there were, and their bytes."""
    found = orphans(oldest)
    size = sum(default_storage.size(name) for name in found)
    for name in found:
        default_storage.delete(name)
    return len(found), size
