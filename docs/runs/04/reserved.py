"""Send EXPORTS ZIP exports: how many are running, how many are reserved, and how many wait in the queue?"""

import os
import time

from celery import current_app
from images.models import UploadedImage
from images.tasks import export_zip_task

ids = list(UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True))
EXPORTS = int(os.environ["EXPORTS"])
exports = [export_zip_task.delay(ids) for _ in range(EXPORTS)]
time.sleep(1)
inspect = current_app.control.inspect()
[active], [reserved] = inspect.active().values(), inspect.reserved().values()
print(f"{len(active)} active, {len(reserved)} reserved, {EXPORTS - len(active) - len(reserved)} in the queue")
current_app.control.purge()
current_app.control.revoke([export.id for export in exports])
