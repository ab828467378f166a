"""Send a ZIP export of the newest photos. Print each state that its page could show, with the time."""

import sys
import time

sys.path.append("../../docs/runs")

import services
from images.batch_views import BATCH_SIZE
from images.models import UploadedImage
from images.results import progress_of
from images.tasks import export_zip_task

services.require_worker()
task = export_zip_task.delay(list(UploadedImage.objects.values_list("pk", flat=True)[:BATCH_SIZE]))
began, shown = time.monotonic(), None
while shown is None or not task.ready():
    if (seen := (task.state, progress_of(task))) != shown:
        shown = seen
        print(f"{time.monotonic() - began:5.2f} s   {shown[0]}   {shown[1] or ''}".rstrip())
    time.sleep(0.02)
print(f"{time.monotonic() - began:5.2f} s   {task.state}")
