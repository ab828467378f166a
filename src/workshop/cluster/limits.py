"""How many hosts and photos make sense on one machine."""

import psutil

from workshop.errors import WorkshopError

MOST = 16
"""Hosts: what is left of a common laptop's memory carries so many workers."""
LEAST_OF_EACH = 5
"""Photos for a host: it takes four messages beside the one at which it is, and others should get some."""
USUAL_OF_EACH = 10
HOST_BYTES = 150_000_000
"""A worker's main process and the one of its pool, with a photo of 12 megapixels open."""
REST_BYTES = 500_000_000
"""Site, database, store and broker, without the photos."""


def number_of_photos(workers: int, photos: int | None) -> int:
    """`photos`, or as many as suit `workers` hosts. Raises WorkshopError when the numbers make no sense."""
    if not 2 <= workers <= MOST:
        raise WorkshopError(f"Name between 2 and {MOST} hosts: --workers 4.")
    if photos is None:
        return USUAL_OF_EACH * workers
    if photos < LEAST_OF_EACH * workers:
        raise WorkshopError(
            f"{photos} photos are too few for {workers} hosts to share: --photos {USUAL_OF_EACH * workers}."
        )
    return photos


def look_at_memory(workers: int, size: int) -> None:
    """Raise WorkshopError when this machine has no room for `workers` hosts and photos of `size` bytes."""
    needed, free = REST_BYTES + workers * HOST_BYTES + size, psutil.virtual_memory().available
    if needed > free:
        raise WorkshopError(
            f"This needs about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free. The store "
            "keeps the photos in memory: take fewer photos (--photos) or fewer hosts (--workers)."
        )
