"""The tasks of this app, which run in the workers."""

from celery import shared_task

from .models import UploadedImage
from .pictures import open_picture, taken_at


# TODO 2.3: this is a function like any other. Make it a task.
def describe_photo_task(image_id: int) -> dict:
    """What is known about a photo, in words that JSON has: strings, numbers, lists, dictionaries."""
    # TODO 2.3: return name, format, size [width, height], bytes, taken, uploaded (ISO 8601).
    # open_picture() and taken_at() in resizing.py read the file.


@shared_task
def describe_album_task(image_ids: list[int]) -> list[dict]:
    """Describe several photos, in the order of `image_ids`."""
    # TODO 2.7: this task waits for other tasks. What if all processes of the worker do?
    tasks = [describe_photo_task.delay(image_id) for image_id in image_ids]
    return [task.get() for task in tasks]
