"""Measure how long it takes to describe all photos in one task."""

import sys
import time

sys.path.append("../../docs/runs")

import services
from images.batch_views import BATCH_SIZE
from images.models import UploadedImage
from images.tasks import describe_album_task

services.require_worker()
ids = list(UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True)[:BATCH_SIZE])
started = time.monotonic()
task = describe_album_task.delay(ids)
task.get()
print(f"one task described {len(ids)} photos in {time.monotonic() - started:.2f} s")
