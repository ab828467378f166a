"""What runs in the worker."""

import time

from celery import shared_task
from celery.contrib.django.task import DjangoTask
from celery.exceptions import SoftTimeLimitExceeded
from PIL import Image

from .models import UploadedImage
from .resizing import UNREADABLE, resize


@shared_task
def describe_photo_task(image_id: int) -> dict:
    """What is known about a photo, in words that JSON has: strings, numbers, lists, dictionaries."""
    photo = UploadedImage.objects.get(pk=image_id)
    with photo.image.open("rb") as file, Image.open(file) as picture:
        taken = picture.getexif().get(0x0132)
        return {
            "name": photo.name,
            "format": picture.format,
            "size": [picture.width, picture.height],
            "bytes": photo.original_bytes,
            "taken": taken,
            "uploaded": photo.uploaded_at.isoformat(),
        }


@shared_task
def describe_album_task(image_ids: list[int]) -> list[dict]:
    """The descriptions of several photos, in the order of their ids."""
    return [describe_photo_task(image_id) for image_id in image_ids]


class ResizeTask(DjangoTask):
    """A task for one photo. Its page says why, when the task has failed for good."""

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        image_id = kwargs["image_id"] if "image_id" in kwargs else args[0]
        UploadedImage.objects.filter(pk=image_id, is_processed=False).update(failure_reason=reason_for(exc))


def reason_for(error: BaseException) -> str:
    """An exception in the words of the site. Most of these are OSErrors: the narrow ones come first."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return "The photo storage does not answer. Try again later."
    if isinstance(error, SoftTimeLimitExceeded):
        return "Resizing this photo took too long."
    if isinstance(error, OSError) and error.errno:  # of the system: the disk is full
        return "Something went wrong on our side."
    if isinstance(error, UNREADABLE):
        return "This picture is damaged or cut short."
    return "Something went wrong on our side."


@shared_task(
    base=ResizeTask,
    # What passes by itself is tried again: after up to 1, 2, 4, 8 and 16 seconds.
    autoretry_for=(ConnectionError, TimeoutError),
    retry_backoff=1,
    retry_backoff_max=60,
    retry_jitter=True,
    max_retries=5,
    # A resize that hangs is interrupted, and if that does not help, its process is killed.
    soft_time_limit=30,
    time_limit=45,
    # The message stays on the broker until the work is done: a worker that dies loses nothing.
    acks_late=True,
    reject_on_worker_lost=True,
    # The row says it all. Without a result to keep, sending needs the broker alone.
    ignore_result=True,
)
def resize_image_task(image_id: int, max_width: int = 800, max_height: int = 600) -> None:
    """Resize an uploaded photo and keep the result with it. A second run leaves the same as one."""
    photo = UploadedImage.objects.get(pk=image_id)
    started = time.perf_counter()
    with photo.image.open("rb") as file:
        resized = resize(file, max_width, max_height)
    photo.attach_resized(resized, time.perf_counter() - started)


@shared_task(
    ignore_result=True,
    # Many of these must not keep the worker from today's uploads. The limit is per worker.
    rate_limit="2/s",
)
def resize_again_task(image_id: int) -> None:
    """One of many photos that are resized anew."""
    resize_image_task.delay(image_id)
