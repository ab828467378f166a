"""Record what other processes see in the photos' rows while a photo is being resized."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from workshop.checkkit import expect
from workshop.checkkit.code_locations import called_at


@dataclass(frozen=True)
class ObservedRow:
    """A photo's row as another process sees it at a given moment.

    Attributes:
        seen_at: The project file and line that were being executed at that moment.
        has_file: Whether the resized file exists.
    """

    seen_at: str
    is_processed: bool
    failure_reason: str
    has_file: bool


@contextlib.contextmanager
def observe_rows() -> Iterator[list[ObservedRow]]:
    """Record all rows before a picture is encoded, before a file is stored, and after each save of a photo.

    Yields:
        The list to which the observed rows are added.
    """
    from django.core.files.storage import FileSystemStorage
    from django.db.models.signals import post_save
    from images.models import UploadedImage
    from PIL import Image

    rows, storage = [], UploadedImage._meta.get_field("resized_image").storage
    columns = ("is_processed", "failure_reason", "resized_image")

    def record(**_signal):
        location = called_at()
        # Don't load model instances, because Django would open each photo's file.
        for processed, reason, name in UploadedImage.objects.values_list(*columns):
            rows.append(ObservedRow(location, processed, reason, bool(name) and storage.exists(name)))

    def recording_first(function):
        def run(*arguments, **options):
            record()
            return function(*arguments, **options)

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image.Image, "save", recording_first(Image.Image.save))
        patch.setattr(FileSystemStorage, "_save", recording_first(FileSystemStorage._save))
        post_save.connect(record, sender=UploadedImage)
        try:
            yield rows
        finally:
            post_save.disconnect(record, sender=UploadedImage)


def expect_consistent_rows(rows: list[ObservedRow], who: str, file: str) -> None:
    """Fail the check if a row was marked as failed, or as resized before the resized file existed.

    Args:
        rows: The observed rows of a photo that can be resized.
        who: The code that resizes the photo, such as "the view".
        file: The file and function to change.
    """
    early = [row for row in rows if row.is_processed and not row.has_file]
    expect(
        not early,
        "a row had is_processed=True before its resized file was stored.",
        "A visitor who opens the page at that moment sees a broken image. photo.attach_resized() stores the "
        "file first and then saves the row, so don't change the row before you call attach_resized().",
        seen_at=early[0].seen_at if early else "",
        file=file,
    )
    failed = [row for row in rows if row.failure_reason]
    expect(
        not failed,
        f"the row of a good photo was marked as failed while {who} was resizing the photo.",
        "A visitor who opens the page at that moment sees the reason for a failure that didn't happen. Call "
        "photo.fail() only after resize() has raised UnreadablePicture.",
        seen_at=failed[0].seen_at if failed else "",
        reason=failed[0].failure_reason if failed else "",
        file=file,
    )
