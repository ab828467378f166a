"""The tasks of this app, which run in the workers."""

import time

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded

from .models import UploadedImage
from .pictures import UnreadablePicture, open_picture, taken_at
from .resilience import DATABASE_ERRORS, ResilientTask, database_permitting
from .resizing import resize

# TODO 3.3: add the two errors that the storage raises when it doesn't respond (see the text). Keep
# DATABASE_ERRORS.
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
        # TODO 3.4: store reason_for(exc) in the photo's failure_reason with a single update() of this column,
        # but only if the photo has not been resized.


def reason_for(error: BaseException) -> str:
    """Return the reason why the task failed, as text for visitors."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return "The photo storage doesn't respond. Try again later."
    if isinstance(error, (SoftTimeLimitExceeded, TimeLimitExceeded)):
        return "Resizing this photo took too long."
    return "Something went wrong on our side."


@shared_task(
    base=ResizeTask,
    # Retry transient errors, after up to 1, 2, 4, 8 and 16 seconds.
    # TODO 3.3: retry on the errors in TRANSIENT, with a backoff that starts at 1 second, with jitter, and
    # with max_retries=5. Celery ignores options it doesn't recognize.
    # A task that hangs is interrupted, and its process is killed if that doesn't help.
    # TODO 3.6: set soft_time_limit to 30 seconds and time_limit to 45.
    # The message stays on the broker until the task is done, so no task is lost when a worker is killed.
    # TODO 3.7: set acks_late and reject_on_worker_lost to True.
    # The row contains everything, so no result is stored, and sending the task needs only the broker.
    # TODO 3.8: set ignore_result to True.
)
def resize_image_task(image_id: int, max_width: int = 800, max_height: int = 600) -> None:
    """Resize an uploaded photo and store the result in its row. A second run has the same effect as one."""
    # TODO 3.1: load the photo with this id, and do what resize_photo() in views.py does, using max_width and
    # max_height. Keep try, except and else, so that only UnreadablePicture is caught and all other
    # exceptions propagate out of the task.


@shared_task(
    ignore_result=True,
    # Leaves the worker time for new uploads. The limit applies to each worker.
    # TODO 3.9: set a rate_limit of two tasks per second.
)
def resize_again_task(image_id: int) -> None:
    """Resize one of many photos again."""
    resize_image_task.delay(image_id)
