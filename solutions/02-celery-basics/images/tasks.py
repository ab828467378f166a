"""The tasks of this app, which run in the workers."""

from celery import shared_task

from .models import UploadedImage
from .pictures import open_picture, taken_at


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
