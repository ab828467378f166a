"""Delete all messages on the broker while thirty photos wait for a worker, and show what happens.

The script takes 65 seconds, or 5 seconds longer than WATCH.
Start a worker and beat, then run: python manage.py shell -v 0 < lost.py
"""

import io
import os
import sys
import time
from collections import Counter

sys.path.append("../../docs/runs")

import services
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from images.models import UploadedImage
from images.queueing import enqueue
from PIL import Image
from redis import Redis

services.require_worker()
broker = Redis.from_url(settings.REDIS_URL)
began = time.monotonic()


def tell(what):
    states = Counter(photo.state for photo in UploadedImage.objects.filter(pk__in=ids))
    again = sum(UploadedImage.objects.filter(pk__in=ids).values_list("sent_again", flat=True))
    print(
        f"{time.monotonic() - began:4.0f} s  {what:<8} {states['resized']:2} resized  "
        f"{states['waiting']:2} waiting  {broker.llen('celery'):2} in the queue  {again:2} re-sent"
    )


picture = io.BytesIO()
Image.effect_noise((1200, 900), 60).convert("RGB").save(picture, "JPEG")
content = picture.getvalue()
size = {"width": 1200, "height": 900, "original_bytes": len(content)}
photos = [
    UploadedImage.objects.create(image=ContentFile(content, f"lost-{number:02}.jpg"), **size)
    for number in range(30)
]
ids = [photo.pk for photo in photos]
try:
    call_command("storage", "slow", "2")
    enqueue(photos)
    time.sleep(3)
    tell("running")
    broker.flushdb()
    tell("flushed")
finally:
    call_command("storage", "ok")
for _ in range(int(os.environ.get("WATCH", 60)) // 20):
    time.sleep(20)
    tell("")
files = Counter(
    len(storages["resized"].listdir(f"resized/{pk}")[1])
    for pk in ids
    if UploadedImage.objects.get(pk=pk).is_processed
)
print(", ".join(f"{photos} photos with {count} file{'s' * (count != 1)}" for count, photos in files.items()))
