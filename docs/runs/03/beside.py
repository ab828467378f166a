"""Start resizing PHOTOS photos again, then measure how long a new upload waits until it is resized."""

import os
import sys
import time

sys.path.append("../../docs/runs")

import services
from django.core.files.base import ContentFile
from django.core.management import call_command
from images.models import UploadedImage
from images.tasks import resize_image_task

services.require_worker()
content = UploadedImage.objects.earliest("pk").image.read()
call_command("resize_again", limit=int(os.environ["PHOTOS"]))
began = time.monotonic()
photo = UploadedImage.objects.create(image=ContentFile(content, "new.jpg"), original_bytes=len(content))
resize_image_task.delay(photo.pk)
while not photo.is_processed:
    time.sleep(0.01)
    photo.refresh_from_db()
print(f"A new photo is resized {time.monotonic() - began:.2f} s after it was sent.")
photo.delete()
