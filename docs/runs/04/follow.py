"""Send one pack of all photos, and print each state that its page could show, and when."""

import time

from images.batches import PHOTOS, progress_of
from images.models import UploadedImage
from images.tasks import pack_photos_task

task = pack_photos_task.delay(list(UploadedImage.objects.values_list("pk", flat=True)[:PHOTOS]))
began, shown = time.monotonic(), None
while shown is None or not task.ready():
    if (seen := (task.state, progress_of(task))) != shown:
        shown = seen
        print(f"{time.monotonic() - began:5.2f} s   {shown[0]}   {shown[1] or ''}".rstrip())
    time.sleep(0.02)
print(f"{time.monotonic() - began:5.2f} s   {task.state}")
