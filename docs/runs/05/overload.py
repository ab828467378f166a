"""Upload more photos than the worker can resize, for half a minute, and sweep every second.

The script takes 200 seconds, and deletes all photos.
Start a worker with two processes, but no beat, then run: python manage.py shell -v 0 < overload.py
"""

import io
import sys
import time

sys.path.append("../../docs/runs")

import services
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import call_command
from images.models import UploadedImage
from images.queueing import enqueue
from PIL import Image
from redis import Redis
from upkeep import sweeping

services.require_worker()
broker = Redis.from_url(settings.REDIS_URL)
content = io.BytesIO()
Image.new("RGB", (900, 700), "teal").save(content, "JPEG")


def upload(count):
    file = ContentFile(content.getvalue(), "many.jpg")
    size = {"width": 900, "height": 700, "original_bytes": file.size}
    photos = [UploadedImage.objects.create(image=file, **size) for _ in range(count)]
    enqueue(photos)
    return [photo.pk for photo in photos]


def measure(doubling):
    print(
        "re-sent at most three times, after waits that double:" if doubling else "re-sent every six seconds:"
    )
    began, again, ids = time.monotonic(), 0, []
    for second in range(1, 91):
        if second <= 30:
            ids += upload(3)
        again += sweeping.sweep()[0]
        rows = UploadedImage.objects.filter(pk__in=ids)
        if not doubling:
            rows.update(sent_again=0)
        if second % 15 == 0:
            done = rows.filter(is_processed=True).count()
            queued = broker.llen("celery") + broker.hlen("unacked")
            numbers = f"{done:2} resized, {again:3} re-sent, {queued:3} on the broker"
            print(f"{second:4} s  {len(ids)} photos, {numbers}", flush=True)
        time.sleep(max(began + second - time.monotonic(), 0))


settings.SWEEP_AFTER = 6
UploadedImage.objects.all().delete()
try:
    call_command("storage", "slow", "1")
    for doubling in (False, True):
        measure(doubling)
        broker.delete("celery")
        time.sleep(10)
finally:
    call_command("storage", "ok")
