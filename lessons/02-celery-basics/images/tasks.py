"""The tasks of this app, which run in the workers."""

from celery import shared_task
from PIL import Image

from .models import UploadedImage


# TODO 2.3: this is a function like any other. Make it a task.
def describe_photo_task(image_id: int) -> dict:
    """Describe a photo in types that JSON supports: strings, numbers, lists and dictionaries."""
    # TODO 2.3: return name, format, size [width, height], bytes, taken (EXIF 0x0132), uploaded (ISO 8601).


@shared_task
def describe_album_task(image_ids: list[int]) -> list[dict]:
    """Describe several photos, in the order of `image_ids`."""
    # TODO 2.7: this task waits for other tasks. What if all processes of the worker do?
    tasks = [describe_photo_task.delay(image_id) for image_id in image_ids]
    return [task.get() for task in tasks]
