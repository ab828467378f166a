"""Send a task inside a transaction that takes another second, and show what the worker finds."""

import sys
import time

sys.path.append("../../docs/runs")

import services
from django.core.files.base import ContentFile
from django.db import transaction
from images.models import UploadedImage
from images.tasks import resize_image_task

services.require_worker()
content = UploadedImage.objects.earliest("pk").image.read()
with transaction.atomic():
    photo = UploadedImage.objects.create(image=ContentFile(content, "early.jpg"), original_bytes=len(content))
    sent = resize_image_task.apply_async((photo.pk,), ignore_result=False)
    time.sleep(1)  # stands for saving the other photos of the upload

try:
    sent.get(timeout=10)
except Exception as error:
    print(f"The worker: {type(error).__name__}: {error}")
else:
    print("The worker: the photo is resized.")
sent.forget()
print(f"After the commit, the database has the row: {UploadedImage.objects.filter(pk=photo.pk).exists()}")
