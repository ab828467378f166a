"""The tasks of this app, which run in the workers."""

import time

from celery import shared_task
from celery.contrib.django.task import DjangoTask
from celery.exceptions import SoftTimeLimitExceeded
from PIL import Image

from .models import UploadedImage
from .resizing import UNREADABLE, resize


@shared_task
def describe_photo_task(image_id: int) -> dict:
    """Describe a photo in types that JSON supports: strings, numbers, lists and dictionaries."""
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
    """Describe several photos, in the order of `image_ids`."""
    return [describe_photo_task(image_id) for image_id in image_ids]


class ResizeTask(DjangoTask):
    """A task for one photo. When it has failed for good, the photo's page shows the reason."""

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        image_id = kwargs["image_id"] if "image_id" in kwargs else args[0]
        # TODO 3.4: keep the reason with the photo; reason_for(exc) has the words.


def reason_for(error: BaseException) -> str:
    """What the page tells the visitor about an exception.

    Most of these exceptions are subclasses of OSError, so the more specific ones come first.
    """
    if isinstance(error, (ConnectionError, TimeoutError)):
        return "The photo storage does not answer. Try again later."
    if isinstance(error, SoftTimeLimitExceeded):
        return "Resizing this photo took too long."
    if isinstance(error, OSError) and error.errno:  # from the operating system, such as a full disk
        return "Something went wrong on our side."
    if isinstance(error, UNREADABLE):
        return "This picture is damaged or cut short."
    return "Something went wrong on our side."


@shared_task(
    base=ResizeTask,
    # Retry transient errors, after up to 1, 2, 4, 8 and 16 seconds.
    # TODO 3.3: what raises ConnectionError or TimeoutError, with backoff and jitter, at most 5 times.
    # A resize that hangs is interrupted, and if that does not help, its process is killed.
    # TODO 3.6: after 30 seconds, and after 45.
    # The message stays on the broker until the task is done, so a worker that is killed loses nothing.
    # TODO 3.7: acknowledge late, and give back what a killed process held.
    # The row has everything, so no result is stored, and sending needs only the broker.
    # TODO 3.8: keep no result.
)
def resize_image_task(image_id: int, max_width: int = 800, max_height: int = 600) -> None:
    """Resize an uploaded photo and store the result in its row. A second run has the same effect as one."""
    # TODO 3.1: what resize_photo() in views.py does, for the photo with this id. Exceptions may go through.


@shared_task(
    ignore_result=True,
    # Leaves the worker time for new uploads. The limit applies to each worker.
    # TODO 3.9: two a second.
)
def resize_again_task(image_id: int) -> None:
    """Resize one of many photos again."""
    resize_image_task.delay(image_id)
