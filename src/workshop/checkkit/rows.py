"""Rows of photos that are resized, for checks that need one without a worker.

The database refuses a row that contradicts itself, so `is_processed` never changes alone.
"""

from .photos import jpeg

RESIZED = {
    "is_processed": True,
    "resized_image": "resized/0/garden_resized.jpg",
    "resized_width": 80,
    "resized_height": 60,
    "resize_seconds": 0.1,
}
"""The columns of a resized photo. There is no such file: for rows that are only queried."""


def finish(photo, seconds: float = 0.1) -> None:
    """Give the photo a small resized file and its columns, as a worker does after `seconds` of work."""
    from images.resizing import Resized

    photo.attach_resized(Resized(jpeg(80, 60), "JPEG", 80, 60), seconds)
