"""Run the task twice for one photo, and list the files."""

import sys

sys.path.append("../../docs/runs")

import services
from django.core.files.base import ContentFile
from images.models import UploadedImage
from images.tasks import resize_image_task

services.require_worker()
content = UploadedImage.objects.earliest("pk").image.read()
photo = UploadedImage.objects.create(image=ContentFile(content, "garden.jpg"), original_bytes=len(content))
for run in (1, 2):
    sent = resize_image_task.apply_async((photo.pk,), ignore_result=False)
    sent.get(timeout=20)
    sent.forget()
    photo.refresh_from_db()
    storage, folder = photo.resized_image.storage, f"resized/{photo.pk}"
    print(f"after run {run}: {', '.join(sorted(storage.listdir(folder)[1]))}")
print(f"the file in the row: {photo.resized_image.name}")
photo.delete()
