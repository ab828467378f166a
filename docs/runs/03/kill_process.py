"""Kill the process that is resizing a photo, and show what becomes of the photo. Takes up to 20 s."""

import os
import signal
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
photo = UploadedImage.objects.create(image=ContentFile(content, "killed.jpg"), original_bytes=len(content))
photo.mark_queued()
try:
    call_command("storage", "slow", 600)
    sent = resize_image_task.delay(photo.pk)
    task = None
    while task is None:
        answers = current_app.control.inspect(timeout=2).active() or {}
        task = next((each for tasks in answers.values() for each in tasks if each["id"] == sent.id), None)
finally:
    call_command("storage", "ok")
print(f"Message acknowledged: {task['acknowledged']}")
os.kill(task["worker_pid"], signal.SIGKILL)
killed = time.monotonic()
while not photo.is_processed and time.monotonic() - killed < 10:
    time.sleep(0.05)
    photo.refresh_from_db()
seconds = time.monotonic() - killed
print(f"{seconds:.1f} s after the kill, the page of photo {photo.pk} says: {photo.state.label}")
