"""Upload to result, through a real worker. `transaction=True`: it sees only what is committed."""

import pytest
from conftest import SECONDS, until
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from images.models import UploadedImage
from images.tasks import describe_photo_task, resize_image_task
from practice.modes import set_mode

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]


def row_when(pk, **wanted):
    return until(
        lambda: UploadedImage.objects.filter(pk=pk, **wanted).first(), f"photo {pk} with {wanted} in its row"
    )


def test_an_upload_is_resized(client, jpeg):
    client.post("/upload/", {"images": SimpleUploadedFile("garden.jpg", jpeg)})
    row = row_when(UploadedImage.objects.get().pk, is_processed=True)
    assert row.resized_width == 800


def test_a_damaged_photo_has_a_reason(photo):
    row = photo(b"no picture")
    resize_image_task.delay(row.pk)
    assert "damaged" in row_when(row.pk, failure_reason__gt="").failure_reason


def test_a_storage_that_comes_back(photo):
    """The worker reads the same file, so a test can take the storage away from it and give it back."""
    row = photo()
    set_mode("storage", "down")
    resize_image_task.delay(row.pk)
    until(lambda: "Retry in" in (settings.DATA_DIR / "worker.log").read_text(), "the task is tried again")
    set_mode("storage", "ok")
    assert row_when(row.pk, is_processed=True).failure_reason == ""


def test_the_result_of_a_task(photo):
    assert describe_photo_task.delay(photo().pk).get(timeout=SECONDS)["size"] == [1600, 1200]
