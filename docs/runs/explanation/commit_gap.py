"""The web process is killed after the commit and before it sends the message. Then the sweeper runs.

SWEEP_AFTER=1 python manage.py shell -v 0 < commit_gap.py     # in solutions/05-beat
"""

import os
import signal
import time
from functools import partial
from io import BytesIO

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection, transaction
from images.models import UploadedImage
from images.queueing import enqueue
from PIL import Image
from redis import Redis
from upkeep.sweeping import sweep

broker = Redis.from_url(settings.REDIS_URL)
broker.delete("celery")
UploadedImage.objects.all().delete()
connection.close()
picture = BytesIO()
Image.new("RGB", (8, 8)).save(picture, "JPEG")

child = os.fork()
if child == 0:
    with transaction.atomic():
        photo = UploadedImage.objects.create(image=ContentFile(picture.getvalue(), "garden.jpg"))
        transaction.on_commit(partial(os.kill, os.getpid(), signal.SIGKILL))
        transaction.on_commit(partial(enqueue, [photo]))
os.waitpid(child, 0)


def show(title):
    photo = UploadedImage.objects.get()
    print(f"{title:30} state {photo.state.value!r}, messages {broker.llen('celery')}")


show("killed after the commit:")
while sweep() == (0, 0):
    time.sleep(0.1)
show("after the sweeper has run:")
