"""The tasks of this app, which run in the workers."""

import logging
import time

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from django.core.files.storage import storages

from .models import UploadedImage
from .pictures import UnreadablePicture, open_picture, taken_at
from .resilience import DATABASE_ERRORS, ResilientTask, database_permitting
from .resizing import resize
from .zip_export import write_zip

logger = logging.getLogger(__name__)

TRANSIENT = (ConnectionError, TimeoutError, *DATABASE_ERRORS)
"""Transient errors of the storage and the database."""


class RetriedTask(ResilientTask):
    """A task that is retried after a transient error, after up to 1, 2, 4, 8 and 16 seconds."""

    autoretry_for = TRANSIENT
    retry_backoff = True
    max_retries = 5


# Celery doesn't log a traceback for the exceptions in `throws`, because photos are deleted every day.
@shared_task(base=RetriedTask, throws=(UploadedImage.DoesNotExist,))
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
    # A lost process counts as a retry, so a picture that kills each process is not redelivered forever.
    retry_on_worker_lost=True,
    default_retry_delay=1,
    # The row contains everything, so no result is stored, and sending the task needs only the broker.
    ignore_result=True,
)
def resize_image_task(image_id: int, max_width: int = 800, max_height: int = 600) -> None:
    """Resize an uploaded photo and store the result in its row. A second run has the same effect as one."""
    photo = UploadedImage.objects.filter(pk=image_id).first()
    if photo is None:
        return log_deleted(image_id)
    if photo.failure_reason:
        return  # marked as failed, and its old messages may still arrive
    started = time.perf_counter()
    try:
        with photo.image.open("rb") as file:
            resized = resize(file, max_width, max_height)
    except UnreadablePicture:
        photo.fail("This picture is damaged or cut short.")
        return
    except FileNotFoundError:
        if UploadedImage.objects.filter(pk=image_id).exists():
            raise
        return log_deleted(image_id)
    photo.attach_resized(resized, time.perf_counter() - started)


def log_deleted(image_id: int) -> None:
    """Write into the log why there is nothing to resize."""
    logger.info("Photo %s was deleted before it was resized.", image_id)


@shared_task(
    ignore_result=True,
    # Leaves the worker time for new uploads. The limit applies to each worker.
    rate_limit="2/s",
)
def resize_again_task(image_id: int) -> None:
    """Resize one of many photos again."""
    resize_image_task.apply_async((image_id,), queue="slow")


@shared_task(base=RetriedTask, bind=True, soft_time_limit=600, time_limit=660)
def export_zip_task(self, image_ids: list[int]) -> dict:
    """Write the photos into one ZIP file, reduced to screen size, and report the progress."""
    photos = UploadedImage.objects.resized().filter(pk__in=image_ids)
    total = len(photos)

    def report_progress(done):
        self.update_state(state="PROGRESS", meta={"done": done, "total": total})

    with write_zip(photos, report_progress) as (file, written):
        # The file is named after the task's id, so a second run overwrites the file of the first.
        name = storages["resized"].save(f"exports/{self.request.id}.zip", file)
    return {
        "photos": written,
        "left_out": len(image_ids) - written,
        "bytes": storages["resized"].size(name),
        "url": storages["resized"].url(name),
    }


# The summary needs all results, so a task runs again if its process or its worker is killed.
@shared_task(base=RetriedTask, acks_late=True, reject_on_worker_lost=True)
def describe_for_summary_task(image_id: int) -> dict:
    """Describe a photo. For an unreadable one, return the error, so that the others are still summed up."""
    try:
        return describe_photo_task(image_id)
    except TRANSIENT:  # they say nothing about the photo
        raise
    except (UploadedImage.DoesNotExist, OSError, UnreadablePicture) as error:
        return {"id": image_id, "error": f"{type(error).__name__}: {error}"}


@shared_task
def summarize_task(descriptions: list[dict]) -> dict:
    """Sum up many photos. descriptions: what describe_for_summary_task returned for each of them."""
    readable = [each for each in descriptions if "error" not in each]
    formats = sorted({each["format"] for each in readable})
    return {
        "photos": len(readable),
        "megapixels": round(sum(each["size"][0] * each["size"][1] for each in readable) / 1_000_000, 1),
        "bytes": sum(each["bytes"] for each in readable),
        "formats": {format: [each["format"] for each in readable].count(format) for format in formats},
        "failed": [each for each in descriptions if "error" in each],
    }
