"""The tasks of this app, which run in the workers."""

import time

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded

from .models import UploadedImage
from .pictures import UnreadablePicture, open_picture, taken_at
from .resilience import DATABASE_ERRORS, ResilientTask, database_permitting
from .resizing import resize

TRANSIENT = (ConnectionError, TimeoutError, *DATABASE_ERRORS)
"""Transient errors of the storage and the database."""


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
        UploadedImage.objects.filter(pk=image_id, is_processed=False).update(failure_reason=reason_for(exc))


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
    autoretry_for=TRANSIENT,
    retry_backoff=1,
    retry_backoff_max=60,
    retry_jitter=True,
    max_retries=5,
    # A task that hangs is interrupted, and its process is killed if that doesn't help.
    soft_time_limit=30,
    time_limit=45,
    # The message stays on the broker until the task is done, so no task is lost when a worker is killed.
    acks_late=True,
    reject_on_worker_lost=True,
    # The row contains everything, so no result is stored, and sending the task needs only the broker.
    ignore_result=True,
)
def resize_image_task(image_id: int, max_width: int = 800, max_height: int = 600) -> None:
    """Resize an uploaded photo and store the result in its row. A second run has the same effect as one."""
    photo = UploadedImage.objects.get(pk=image_id)
    started = time.perf_counter()
    try:
        with photo.image.open("rb") as file:
            resized = resize(file, max_width, max_height)
    except UnreadablePicture:
        photo.fail("This picture is damaged or cut short.")
        return
    photo.attach_resized(resized, time.perf_counter() - started)


@shared_task(
    ignore_result=True,
    # Leaves the worker time for new uploads. The limit applies to each worker.
    rate_limit="2/s",
)
def resize_again_task(image_id: int) -> None:
    """Resize one of many photos again."""
    resize_image_task.delay(image_id)
