"""Limits for the number of hosts and photos on one machine."""

import psutil

from workshop.errors import WorkshopError

MOST = 16
"""Hosts. The free memory of a common laptop is enough for this many workers."""
LEAST_OF_EACH = 5
"""Photos per host. Besides its current message, a host prefetches four, and the other hosts need some too."""
USUAL_OF_EACH = 10
HOST_BYTES = 150_000_000
"""A worker's main process and its pool process, with a 12-megapixel photo open."""
REST_BYTES = 500_000_000
"""The web process, the database, the photo store and the broker, without the photos."""


def number_of_photos(workers: int, photos: int | None) -> int:
    """Return `photos`, or a default for `workers` hosts. Raises WorkshopError if a number is out of range."""
    if not 2 <= workers <= MOST:
        raise WorkshopError(f"Choose between 2 and {MOST} hosts, for example --workers 4.")
    if photos is None:
        return USUAL_OF_EACH * workers
    if photos < LEAST_OF_EACH * workers:
        raise WorkshopError(
            f"{photos} photos are too few for {workers} hosts. Try --photos {USUAL_OF_EACH * workers}."
        )
    return photos


def look_at_memory(workers: int, size: int) -> None:
    """Raise WorkshopError if there is too little memory for `workers` hosts and `size` bytes of photos."""
    needed, free = REST_BYTES + workers * HOST_BYTES + size, psutil.virtual_memory().available
    if needed > free:
        raise WorkshopError(
            f"This needs about {needed / 1e9:.1f} GB of memory, but only {free / 1e9:.1f} GB are free. The "
            "photo store keeps all photos in memory, so use fewer photos (--photos) or hosts (--workers)."
        )
