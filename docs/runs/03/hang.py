"""Send three tasks while the storage hangs, and show what the worker does with them."""

import sys
import time

sys.path.append("../../docs/runs")

import services
from celery import current_app
from django.core.files.base import ContentFile
from django.core.management import call_command
from images.models import UploadedImage
from images.tasks import resize_image_task

services.require_worker()
content = UploadedImage.objects.earliest("pk").image.read()
call_command("storage", "slow", 600)
for number in (1, 2, 3):
    photo = UploadedImage.objects.create(
        image=ContentFile(content, f"hang-{number}.jpg"), original_bytes=len(content)
    )
    photo.mark_queued()
    resize_image_task.delay(photo.pk)
time.sleep(5)
inspect = current_app.control.inspect(timeout=5)
for state in ("active", "reserved"):
    for tasks in (getattr(inspect, state)() or {}).values():
        for task in tasks:
            print(f"{state}: {task['name'].rpartition('.')[2]}{tuple(task['args'])}")
