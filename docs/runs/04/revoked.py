"""Revoke a waiting task, restart the worker, and show whether the task runs.

The script starts its own worker, so don't run another worker on the same Redis database. The script takes
about 20 seconds.
"""

import signal
import subprocess
import sys
import time

sys.path.append("../../docs/runs")

import services
from celery import current_app
from images.models import UploadedImage
from images.tasks import export_zip_task

services.require_broker()
WORKER = "celery -A myproject worker -c 1 -Q slow -n slow@%h --disable-prefetch"


def start():
    worker = subprocess.Popen(
        [sys.executable, "-m", *WORKER.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not current_app.control.ping():
        pass
    return worker


def state_of(task):
    return export_zip_task.AsyncResult(task.id).state  # a new one, because an AsyncResult caches REVOKED


def end(worker):
    worker.send_signal(signal.SIGTERM)
    worker.wait()


ids = list(UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True)[:8])
worker = start()
first, second = export_zip_task.delay(ids), export_zip_task.delay(ids)
current_app.control.revoke(second.id, reply=True)
print("revoked:            ", state_of(second))
end(worker)
print("the worker stopped: ", state_of(second), f"(the task before it: {state_of(first)})")
worker = start()
for _ in range(600):
    if state_of(second) == "SUCCESS":
        break
    time.sleep(0.1)
print("a new worker:       ", state_of(second))
end(worker)
