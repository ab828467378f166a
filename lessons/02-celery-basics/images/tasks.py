"""The tasks of this app, which run in the workers."""

from celery import shared_task

from .models import UploadedImage
from .pictures import open_picture, taken_at


# TODO 2.3: turn this function into a task.
def describe_photo_task(image_id: int) -> dict:
    """Describe a photo in types that JSON supports: strings, numbers, lists and dictionaries."""
    # TODO 2.3: load the photo by its id, and open its file through the storage with open_picture(). Return a
    # dictionary with the keys name, format, size (a list of width and height), bytes, taken (from taken_at())
    # and uploaded (in ISO 8601 format). If the photo doesn't exist, don't catch the exception.


@shared_task
def describe_album_task(image_ids: list[int]) -> list[dict]:
    """Describe several photos, in the order of `image_ids`."""
    # TODO 2.7: instead of sending tasks and waiting for them, call describe_photo_task() like a function for
    # each id.
    tasks = [describe_photo_task.delay(image_id) for image_id in image_ids]
    return [task.get() for task in tasks]
