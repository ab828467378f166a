"""Send a task with exhausted retries while the storage is down, and show what the photo's page says."""

import sys

sys.path.append("../../docs/runs")

import services
from django.core.files.base import ContentFile
from django.core.management import call_command
from images.models import UploadedImage
from images.tasks import resize_image_task

services.require_worker()
content = UploadedImage.objects.earliest("pk").image.read()
photo = UploadedImage.objects.create(image=ContentFile(content, "last.jpg"), original_bytes=len(content))
photo.mark_queued()
try:
    call_command("storage", "down")
    sent = resize_image_task.apply_async((photo.pk,), retries=5, ignore_result=False)
    sent.get(timeout=20)
except Exception as error:
    print(f"The worker: {type(error).__name__}: {error}")
finally:
    call_command("storage", "ok")
sent.forget()
photo.refresh_from_db()
print(f"The page of photo {photo.pk}: {photo.state.label} {photo.failure_reason}".rstrip())
