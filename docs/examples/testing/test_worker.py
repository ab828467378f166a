"""Test with a real worker, which sees only committed rows. So these tests use `transaction=True`."""

import pytest
from conftest import SECONDS, until
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from images.models import UploadedImage
from images.tasks import describe_photo_task, resize_image_task
from practice.modes import set_mode

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]


def photo_when(pk, **wanted):
    return until(lambda: UploadedImage.objects.filter(pk=pk, **wanted).first(), f"photo {pk} with {wanted}")


def test_an_upload_is_resized(client, jpeg):
    client.post("/upload/", {"images": SimpleUploadedFile("garden.jpg", jpeg)})
    photo = photo_when(UploadedImage.objects.get().pk, is_processed=True)
    assert photo.resized_width == 800


def test_a_damaged_photo_has_a_reason(make_photo):
    photo = make_photo(b"no picture")
    resize_image_task.delay(photo.pk)
    assert "damaged" in photo_when(photo.pk, failure_reason__gt="").failure_reason


def test_a_storage_that_comes_back(make_photo):
    """set_mode() writes a file that the worker also reads, so the worker's storage fails too."""
    photo = make_photo()
    set_mode("storage", "down")
    resize_image_task.delay(photo.pk)
    until(lambda: "Retry in" in (settings.TEST_DATA_DIR / "worker.log").read_text(), "the task is retried")
    set_mode("storage", "ok")
    assert photo_when(photo.pk, is_processed=True).failure_reason == ""


def test_the_result_of_a_task(make_photo):
    assert describe_photo_task.delay(make_photo().pk).get(timeout=SECONDS)["size"] == [1600, 1200]
