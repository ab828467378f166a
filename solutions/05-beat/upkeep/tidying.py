"""Remove orphaned files, which no photo names: after a rollback or a killed task, and old ZIP exports."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from django.core.files.storage import Storage, storages
from django.db.models import Q
from django.utils import timezone
from images.models import UploadedImage

FOLDERS = {"uploads": "default", "resized": "resized", "exports": "resized"}
"""The folders of this site, each with the name of its storage in STORAGES.

Other folders of a shared bucket belong to someone else, and are left alone.
"""
GRACE = timedelta(hours=24)
"""A younger file is left alone: an upload writes the file first, and the row a moment later."""


def orphans(now: datetime | None = None) -> list[str]:
    """Names of the stored files that are older than GRACE and that no photo names.

    now: the time from which GRACE counts back (default: the current time).
    """
    # Files first, then rows: a photo that is uploaded between the two is not in the list of files.
    files = stored_files()
    named = {name for names in UploadedImage.objects.values_list("image", "resized_image") for name in names}
    return [name for name in files if name not in named and is_old(name, now)]


def tidy() -> tuple[int, int]:
    """Remove the orphans and the empty folders. Returns how many files were removed, and their bytes."""
    sizes = [size for name in orphans() if (size := remove(name)) is not None]
    remove_empty_folders()
    return len(sizes), sum(sizes)


def stored_files() -> list[str]:
    """The names of all files in FOLDERS, such as `uploads/garden.jpg`, on a disk or in a bucket.

    Names with unprintable characters are left out, because they may not be valid text in a query. The site
    never creates such names.
    """
    return [name for folder in FOLDERS for name in files_in(folder) if name.isprintable()]


def files_in(folder: str) -> Iterator[str]:
    """The names of all files in the folder and in the folders below it."""
    folders, files = listed(folder)
    for each in folders:
        yield from files_in(f"{folder}/{each}")
    for file in files:
        yield f"{folder}/{file}"


def storage_of(name: str) -> Storage:
    """The storage of a file or folder, by the first part of its name."""
    return storages[FOLDERS.get(name.partition("/")[0], "default")]


def listed(folder: str) -> tuple[list[str], list[str]]:
    """The folders and the files in `folder`, both empty when it does not exist (any more)."""
    try:
        return storage_of(folder).listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return [], []


def is_old(name: str, now: datetime | None = None) -> bool:
    """Return True if the file is older than GRACE. A file that no longer exists is not."""
    try:
        return storage_of(name).get_modified_time(name) < (now or timezone.now()) - GRACE
    except FileNotFoundError:
        return False


def remove(name: str) -> int | None:
    """Remove the file if it is still an orphan. Returns its size in bytes; None if it was not removed.

    Since the list was made, a task may have written it again, or a restore may have brought its row back.
    A gap of a few milliseconds remains between this check and the removal.
    """
    if UploadedImage.objects.filter(Q(image=name) | Q(resized_image=name)).exists() or not is_old(name):
        return None
    try:
        size = storage_of(name).size(name)
    except FileNotFoundError:
        return None
    storage_of(name).delete(name)
    return size


def remove_empty_folders() -> None:
    """Remove the empty folders of deleted photos, `resized/<pk>/`. A bucket has none."""
    for folder in listed("resized")[0]:
        of_deleted_photo = folder.isdecimal() and not UploadedImage.objects.filter(pk=folder).exists()
        if of_deleted_photo and not any(listed(f"resized/{folder}")):
            with suppress(OSError):  # a file was written into the folder just now
                storage_of("resized").delete(f"resized/{folder}")
