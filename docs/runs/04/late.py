"""Start a worker while Flower is running, and send it a short task, a long task and another short task.

Start a broker and Flower, but no worker, before you run this script. Then run in_flower.py.
"""

import subprocess
import sys
import time

sys.path.append("../../docs/runs")

import services
from celery import current_app
from images.models import UploadedImage
from images.tasks import describe_photo_task, export_zip_task

services.require_broker()
ids = list(UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True)[:24])
worker = subprocess.Popen(
    [sys.executable, "-m", "celery", "-A", "myproject", "worker", "-c", "2"],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
try:
    while not current_app.control.ping(timeout=0.2):
        pass
    describe_photo_task.delay(ids[0]).get(timeout=60)
    export_zip_task.delay(ids).get(timeout=60)
    describe_photo_task.delay(ids[0]).get(timeout=60)
    time.sleep(1)
finally:
    worker.terminate()
    worker.wait()
