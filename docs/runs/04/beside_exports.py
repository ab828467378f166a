"""Start EXPORTS ZIP exports, then measure how long a new upload waits until it is resized.

Each export of 24 large photos takes about three seconds.
"""

import os
import sys
import time

sys.path.append("../../docs/runs")

import services
from django.core.files.base import ContentFile
from images.batch_views import BATCH_SIZE
from images.models import UploadedImage
from images.tasks import export_zip_task, resize_image_task

services.require_worker()
EXPORTS, PRIORITY = int(os.environ["EXPORTS"]), int(os.environ.get("PRIORITY", "0"))

ids = list(UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True)[:BATCH_SIZE])
content = UploadedImage.objects.earliest("pk").image.read()

began = time.monotonic()
exports = [export_zip_task.apply_async((ids,), priority=PRIORITY) for _ in range(EXPORTS)]
photo = UploadedImage.objects.create(image=ContentFile(content, "new.jpg"), original_bytes=len(content))
resize_image_task.delay(photo.pk)
sent = time.monotonic()
while not photo.is_processed:
    time.sleep(0.02)
    photo.refresh_from_db()
print(f"The photo is resized {time.monotonic() - sent:.2f} s after it was sent.")
for export in exports:
    export.get()
print(f"{len(exports)} exports of {len(ids)} photos are done after {time.monotonic() - began:.1f} s.")
photo.delete()
