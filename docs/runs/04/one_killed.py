"""Summarize three photos, kill the process that describes the second photo, and show what happens.

KILL=process kills only this process, KILL=worker kills the whole worker. Until then, the second photo is a
pipe to which no process writes, so that its task waits. The script takes at most 30 seconds.
"""

import os
import signal
import sys
import textwrap
import time

sys.path.append("../../docs/runs")

import services
from celery import current_app
from celery.result import GroupResult
from images.models import UploadedImage
from images.queueing import enqueue_summary
from images.results import result_as_json

services.require_worker()
photos = UploadedImage.objects.filter(is_processed=True)[:3]
path = photos[1].image.path
os.rename(path, path + ".kept")
os.mkfifo(path)
try:
    task = enqueue_summary([photo.pk for photo in photos])
    if task.parent is None:
        raise SystemExit("enqueue_summary() sent no chord. Finish step 4.5 first.")
    header = GroupResult.restore(task.parent.id)
    asked = time.monotonic()
    while header.completed_count() < 2:
        if time.monotonic() - asked > 20:
            raise SystemExit("No worker has described the other two photos. Start one: ./workshop up")
        time.sleep(0.1)
    inspect = current_app.control.inspect(timeout=1)
    [(name, running)] = [(name, task) for name, tasks in inspect.active().items() for task in tasks]
    worker = inspect.stats()[name]
finally:
    os.remove(path)
    os.rename(path + ".kept", path)

everything = [worker["pid"], *worker["pool"]["processes"]]
for pid in everything if os.environ.get("KILL") == "worker" else [running["worker_pid"]]:
    os.kill(pid, signal.SIGKILL)

began = time.monotonic()
while not task.ready() and time.monotonic() - began < 10:
    time.sleep(0.05)
answer = result_as_json(task)
seconds = time.monotonic() - began
print("header tasks", *(each.state for each in header))
text = f"summary      {answer['state']} after {seconds:.1f} s"
if task.ready():
    text += f": {answer['error'] or answer['result']}"
print(textwrap.fill(text, 80, subsequent_indent=" " * 13))
with current_app.connection_for_read() as connection:
    unacked = connection.default_channel.client.hlen("unacked")
print("unacknowledged messages on the broker:", unacked)
