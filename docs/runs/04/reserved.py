"""Send PACKS packs: how many are at work, how many has the worker taken already, and how many wait?"""

import os
import time

from celery import current_app
from images.models import UploadedImage
from images.tasks import pack_photos_task

ids = list(UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True))
packs = [pack_photos_task.delay(ids) for _ in range(int(os.environ["PACKS"]))]
time.sleep(1)
inspect = current_app.control.inspect()
[active], [reserved] = inspect.active().values(), inspect.reserved().values()
print(
    f"{len(active)} active, {len(reserved)} reserved, {len(packs) - len(active) - len(reserved)} in the queue"
)
current_app.control.purge()
current_app.control.revoke([pack.id for pack in packs])
