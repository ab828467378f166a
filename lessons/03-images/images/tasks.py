"""The tasks of this app, which run in the workers."""

import time

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded

from .models import UploadedImage
from .pictures import UnreadablePicture, open_picture, taken_at
from .resilience import DATABASE_ERRORS, ResilientTask, database_permitting
from .resizing import resize

# TODO 3.3: add the two errors that a storage raises while it does not answer (see the text). Keep these two.
TRANSIENT = DATABASE_ERRORS
"""Errors that go away on their own."""


@shared_task
def describe_photo_task(image_id: int) -> dict:
    """Describe a photo in types that JSON supports: strings, numbers, lists and dictionaries."""
    photo = UploadedImage.objects.get(pk=image_id)
    with photo.image.open("rb") as file, open_picture(file) as picture:
        return {
            "name": photo.name,
            "format": picture.format,
            "size": [picture.width, picture.height],
            "bytes": photo.original_bytes,
            "taken": taken_at(picture),
            "uploaded": photo.uploaded_at.isoformat(),
        }


@shared_task
def describe_album_task(image_ids: list[int]) -> list[dict]:
    """Describe several photos, in the order of `image_ids`."""
    return [describe_photo_task(image_id) for image_id in image_ids]


class ResizeTask(ResilientTask):
    """A task for one photo. When it has failed for good, the photo's page shows the reason."""

    @database_permitting
    def on_failure(self, exc, task_id, args, kwargs, einfo):
        image_id = kwargs["image_id"] if "image_id" in kwargs else args[0]
        # TODO 3.4: store reason_for(exc) in the failure_reason of the photo, with one update() of this
        # column, but only if the photo is not resized. Its id is in args or in kwargs, as the task was sent.


def reason_for(error: BaseException) -> str:
    """An exception that has left the task, in words for visitors."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return "The photo storage does not answer. Try again later."
    if isinstance(error, (SoftTimeLimitExceeded, TimeLimitExceeded)):
        return "Resizing this photo took too long."
    return "Something went wrong on our side."


@shared_task(
    base=ResizeTask,
    # Retry transient errors, after up to 1, 2, 4, 8 and 16 seconds.
    # TODO 3.3: retry the errors in TRANSIENT, with backoff from 1 second up to 60, with jitter, and with 5 as
    # max_retries. Celery ignores an option that it does not know.
    # A resize that hangs is interrupted, and if that does not help, its process is killed.
    # TODO 3.6: set soft_time_limit to 30 seconds, and time_limit to 45.
    # The message stays on the broker until the task is done, so a worker that is killed loses nothing.
    # TODO 3.7: set acks_late and reject_on_worker_lost.
    # The row has everything, so no result is stored, and sending needs only the broker.
    # TODO 3.8: set ignore_result.
)
def resize_image_task(image_id: int, max_width: int = 800, max_height: int = 600) -> None:
    """Resize an uploaded photo and store the result in its row. A second run has the same effect as one."""
    # TODO 3.1: load the photo with this id, and do what resize_photo() in views.py does, with max_width and
    # max_height. Move try, except and else too. All exceptions but UnreadablePicture have to leave the task.


@shared_task(
    ignore_result=True,
    # Leaves the worker time for new uploads. The limit applies to each worker.
    # TODO 3.9: set a rate_limit of two a second.
)
def resize_again_task(image_id: int) -> None:
    """Resize one of many photos again."""
    resize_image_task.delay(image_id)
