"""Remove all processes of the worker for quick tasks, send a task, and show whether the worker responds.

The script takes about 25 seconds. At the end, it restores the worker's processes.
"""

import sys
import time

sys.path.append("../../docs/runs")

import services
from celery import current_app
from images.models import UploadedImage
from images.tasks import describe_photo_task

services.require_worker()
control = current_app.control
queues = control.inspect(timeout=1).active_queues()
[name] = [name for name, taken in queues.items() if "celery" in [queue["name"] for queue in taken]]
stats = control.inspect([name]).stats()[name]
print("processes", len(stats["pool"]["processes"]))
removed = 0
try:
    for _ in stats["pool"]["processes"]:
        print("shrink   ", control.pool_shrink(1, destination=[name], reply=True))
        removed += 1
        time.sleep(6)  # the worker updates its list of processes every few seconds
    task = describe_photo_task.delay(UploadedImage.objects.earliest("pk").pk)
    time.sleep(5)
    print("processes", len(control.inspect(timeout=1).stats()[name]["pool"]["processes"]))
    print("ping     ", control.ping(destination=[name]))
    print("task     ", task.state)
    print("grow     ", control.pool_grow(1, destination=[name], reply=True))
    removed -= 1
    time.sleep(5)
    print("task     ", task.state)
finally:
    if removed:  # restores the previous number
        control.pool_grow(removed, destination=[name])
