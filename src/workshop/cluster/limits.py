"""Limits on the number of hosts and photos on one machine."""

import psutil

from workshop.errors import WorkshopError

MOST_HOSTS = 16
"""The maximum number of hosts. A typical laptop has enough free memory for this many workers."""
LEAST_PHOTOS = 5
"""The minimum number of photos per host.

A host processes one message and prefetches four more, and there must be messages left for the other hosts.
"""
USUAL_PHOTOS = 10
"""The default number of photos per host."""
HOST_BYTES = 150_000_000
"""The memory, in bytes, that a worker and its pool process need to resize a 12-megapixel photo."""
SERVER_BYTES = 500_000_000
"""The memory, in bytes, that the web process, the database, the broker and the empty photo store need."""


def number_of_photos(workers: int, photos: int | None) -> int:
    """Return `photos`, or the default number of photos for `workers` hosts if `photos` is None.

    Raises:
        WorkshopError: If there are too few or too many hosts, or too few photos for this number of hosts.
    """
    if not 2 <= workers <= MOST_HOSTS:
        raise WorkshopError(f"Choose between 2 and {MOST_HOSTS} hosts, for example --workers 4.")
    if photos is None:
        return USUAL_PHOTOS * workers
    if photos < LEAST_PHOTOS * workers:
        raise WorkshopError(
            f"{photos} photos aren't enough for {workers} hosts. Try --photos {USUAL_PHOTOS * workers}."
        )
    return photos


def check_memory(workers: int, photo_bytes: int) -> None:
    """Check that there is enough free memory for `workers` hosts and all photos.

    Raises:
        WorkshopError: If there is not enough free memory.
    """
    needed, free = SERVER_BYTES + workers * HOST_BYTES + photo_bytes, psutil.virtual_memory().available
    if needed > free:
        raise WorkshopError(
            f"This needs about {needed / 1e9:.1f} GB of memory, but only {free / 1e9:.1f} GB is free. The "
            "photo store keeps all photos in memory, so use fewer photos (--photos) or fewer hosts "
            "(--workers)."
        )
