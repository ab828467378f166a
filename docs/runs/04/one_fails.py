"""Three photos are summed up, and the second one was deleted meanwhile: what does the page get?"""

import time

from celery.result import GroupResult
from images.models import UploadedImage
from images.queueing import enqueue_summary
from images.results import result_as_json

first, second, third = UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True)[:3]
task = enqueue_summary([first, 0, third])  # no photo has the id 0
members = GroupResult.restore(task.parent.id)
began = time.monotonic()
while not (task.ready() and members.ready()) and time.monotonic() - began < 10:
    time.sleep(0.1)
answer = result_as_json(task)
print("members ", *(member.state for member in members))
print("summary ", answer["state"], answer["error"] or answer["result"])
