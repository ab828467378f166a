"""Create rows for resized photos without a worker, and check that an original photo is unchanged.

The database rejects inconsistent rows, so `is_processed` is always changed together with other columns.
"""

from workshop.checkkit import complain, expect
from workshop.checkkit.photos import jpeg

RESIZED = {
    "is_processed": True,
    "resized_image": "resized/0/garden_resized.jpg",
    "resized_width": 80,
    "resized_height": 60,
    "resize_seconds": 0.1,
}
"""The column values of a resized photo, for rows that are only queried. The resized file doesn't exist."""


def mark_resized(photo, seconds: float = 0.1) -> None:
    """Attach a small file and set the columns, as if a worker had resized the photo in `seconds` seconds."""
    from images.resizing import Resized

    photo.attach_resized(Resized(jpeg(80, 60), "JPEG", 80, 60), seconds)


def expect_original(photo, content: bytes, file: str) -> None:
    """Fail the check unless the uploaded file is unchanged.

    Args:
        photo: The photo's row.
        content: The bytes that were uploaded.
        file: The file and function to change.
    """
    why = (
        "Keep the original: you'll need it if the rules for resizing change. photo.attach_resized() stores "
        "the result in a second file, photo.resized_image."
    )
    try:
        with photo.image.storage.open(photo.image.name) as stored:
            stored_bytes = stored.read()
    except FileNotFoundError:
        complain("the uploaded file is gone.", why, file=file)
    expect(
        stored_bytes == content,
        "the uploaded file was overwritten.",
        why,
        expected=f"{len(content)} bytes, as uploaded",
        found=f"{len(stored_bytes)} bytes in {photo.image.name}",
        file=file,
    )
