"""Today's photos: some are damaged, and for two of them the storage is down. Then the report of today.

It takes about half a minute. First make the samples, and run it beside a worker:
./workshop samples; python manage.py shell -v 0 < ../../docs/runs/05/damaged_day.py
"""

import sys
import time
from datetime import datetime
from pathlib import Path

sys.path.append("../../docs/runs")

import services
from django.core.files import File
from django.core.management import call_command
from images.models import UploadedImage
from images.queueing import enqueue
from PIL import Image
from upkeep.models import Subscriber
from upkeep.reporting import zone
from upkeep.tasks import report_task

services.require_worker()
SAMPLES = Path("../../samples")
REFUSED = ("text.jpg", "bomb.png")  # by the upload form


def create(path):
    with Image.open(path) as picture:
        size = {"width": picture.width, "height": picture.height, "original_bytes": path.stat().st_size}
    return UploadedImage.objects.create(image=File(path.open("rb"), path.name), **size)


def upload(names):
    photos = [create(SAMPLES / name) for name in names]
    enqueue(photos)
    while any(photo.state == "waiting" for photo in photos):
        time.sleep(0.1)
        for photo in photos:
            photo.refresh_from_db()


names = sorted(file.name for file in SAMPLES.iterdir() if file.name not in REFUSED)
upload(names * 3)
try:
    call_command("storage", "down", verbosity=0)
    upload(["phone.jpg", "held-upright.jpg"])
finally:
    call_command("storage", "ok", verbosity=0)
upload(["phone.jpg"])
Subscriber.objects.get_or_create(email="editor@example.com")
report_task(str(datetime.now(zone()).date()))
