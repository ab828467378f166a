"""Check which messages are sent, and when. The tests read the queue of a real broker, without a worker."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from images.models import UploadedImage
from images.tasks import resize_image_task

RESIZE = "images.tasks.resize_image_task"


@pytest.fixture
def upload(client, jpeg):
    return lambda: client.post("/upload/", {"images": SimpleUploadedFile("garden.jpg", jpeg)})


@pytest.mark.django_db(transaction=True)
def test_an_upload_sends_one_message_with_the_id(upload, queue):
    upload()
    (photo,) = UploadedImage.objects.all()
    assert queue() == [(RESIZE, [photo.pk], {})]


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_is_rolled_back_sends_nothing(upload, queue):
    with transaction.atomic():
        upload()
        transaction.set_rollback(True)  # as if the rest of the request had raised an exception
    assert not UploadedImage.objects.exists()
    assert queue() == []


@pytest.mark.django_db
def test_without_a_real_commit(upload, queue, django_capture_on_commit_callbacks):
    """Like the first test, but rolled back: faster, but less realistic."""
    with django_capture_on_commit_callbacks(execute=True):
        upload()
        assert queue() == []
    assert len(queue()) == 1


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_saved_while_the_broker_is_down(upload, no_broker):
    assert upload().status_code == 302
    assert UploadedImage.objects.get().queued_at is None  # the sweeper will send the task


def test_the_options_that_keep_a_photo_from_being_lost():
    assert (resize_image_task.acks_late, resize_image_task.reject_on_worker_lost) == (True, True)
    assert 0 < resize_image_task.soft_time_limit < resize_image_task.time_limit
