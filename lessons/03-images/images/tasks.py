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
        # TODO 3.4: keep the reason with the photo; reason_for(exc) has the words.


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
    # TODO 3.3: what raises ConnectionError or TimeoutError, with backoff and jitter, at most 5 times.
    # A resize that hangs is interrupted, and if that does not help, its process is killed.
    # TODO 3.6: after 30 seconds, and after 45.
    # The message stays on the broker until the work is done: a worker that dies loses nothing.
    # TODO 3.7: acknowledge late, and give back what a killed process held.
    # The row says it all. Without a result to keep, sending needs the broker alone.
    # TODO 3.8: keep no result.
)
def resize_image_task(image_id: int, max_width: int = 800, max_height: int = 600) -> None:
    """Resize an uploaded photo and keep the result with it. A second run leaves the same as one."""
    # TODO 3.1: what resize_photo() in views.py does, for the photo with this id. Exceptions may go through.


@shared_task(
    ignore_result=True,
    # Many of these must not keep the worker from today's uploads. The limit is per worker.
    # TODO 3.9: two a second.
)
def resize_again_task(image_id: int) -> None:
    """One of many photos that are resized anew."""
    resize_image_task.delay(image_id)
