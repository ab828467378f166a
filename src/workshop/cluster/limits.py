"""Limits for the number of hosts and photos on one machine."""

import psutil

from workshop.errors import WorkshopError

MOST_HOSTS = 16
"""The free memory of a common laptop is enough for this many workers."""
LEAST_PHOTOS = 5
"""Per host. Besides its current message, a host prefetches four, and the other hosts need some too."""
USUAL_PHOTOS = 10
HOST_BYTES = 150_000_000
"""A worker's main process and its pool process, with a 12-megapixel photo open."""
SERVER_BYTES = 500_000_000
"""The web process, the database, the photo store and the broker, without the photos."""


def number_of_photos(workers: int, photos: int | None) -> int:
    """Return `photos`, or a default for `workers` hosts.

    Raises:
        WorkshopError: A number is out of range.
    """
    if not 2 <= workers <= MOST_HOSTS:
        raise WorkshopError(f"Choose between 2 and {MOST_HOSTS} hosts, for example --workers 4.")
    if photos is None:
        return USUAL_PHOTOS * workers
    if photos < LEAST_PHOTOS * workers:
        raise WorkshopError(
            f"{photos} photos are too few for {workers} hosts. Try --photos {USUAL_PHOTOS * workers}."
        )
    return photos


def check_memory(workers: int, photo_bytes: int) -> None:
    """Check that there is enough free memory for `workers` hosts and all photos.

    Raises:
        WorkshopError: There is too little memory.
    """
    needed, free = SERVER_BYTES + workers * HOST_BYTES + photo_bytes, psutil.virtual_memory().available
    if needed > free:
        raise WorkshopError(
            f"This needs about {needed / 1e9:.1f} GB of memory, but only {free / 1e9:.1f} GB are free. The "
            "photo store keeps all photos in memory, so use fewer photos (--photos) or hosts (--workers)."
        )
