"""Send EXPORTS ZIP exports. Print how many are running, how many are reserved, and how many are queued.

The script revokes the exports after a second, so that none is left.
"""

import os
import sys
import time

sys.path.append("../../docs/runs")

import services
from celery import current_app
from images.models import UploadedImage
from images.tasks import export_zip_task

services.require_worker()
control = current_app.control
EXPORTS = int(os.environ["EXPORTS"])

ids = list(UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True)[:100])
exports = [export_zip_task.delay(ids).id for _ in range(EXPORTS)]
try:
    time.sleep(1)
    inspect = control.inspect()
    active, reserved = (
        sum(task["id"] in exports for tasks in (answers or {}).values() for task in tasks)
        for answers in (inspect.active(), inspect.reserved())
    )
    print(f"{active} active, {reserved} reserved, {EXPORTS - active - reserved} in the queue")
finally:
    control.revoke(exports, terminate=True)
