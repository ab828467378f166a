"""Three photos are summed up, and the process that is at the second one is killed: what does the page get?

KILL=process (the default) or KILL=worker: all of it; one of `up` starts again when a file is saved. The
second photo is a pipe meanwhile that nobody writes into, so that its task waits where it is killed.
"""

import os
import signal
import time

from celery import current_app
from celery.result import GroupResult
from images.models import UploadedImage
from images.queueing import enqueue_summary
from images.results import result_as_json

photos = UploadedImage.objects.filter(is_processed=True)[:3]
path = photos[1].image.path
os.rename(path, path + ".kept")
os.mkfifo(path)
try:
    task = enqueue_summary([photo.pk for photo in photos])
    members = GroupResult.restore(task.parent.id)
    asked = time.monotonic()
    while members.completed_count() < 2:
        if time.monotonic() - asked > 20:
            raise SystemExit("No worker has answered for two photos. Does one take from the queue celery?")
        time.sleep(0.1)
    inspect = current_app.control.inspect(timeout=1)
    [(name, at_work)] = [(name, task) for name, tasks in inspect.active().items() for task in tasks]
    worker = inspect.stats()[name]
finally:
    os.remove(path)
    os.rename(path + ".kept", path)

everything = [worker["pid"], *worker["pool"]["processes"]]
for pid in everything if os.environ.get("KILL") == "worker" else [at_work["worker_pid"]]:
    os.kill(pid, signal.SIGKILL)

began = time.monotonic()
while not task.ready() and time.monotonic() - began < 10:
    time.sleep(0.05)
answer = result_as_json(task)
print("members ", *(member.state for member in members))
print(
    f"summary  {answer['state']} after {time.monotonic() - began:.1f} s", answer["error"] or answer["result"]
)
with current_app.connection_for_read() as connection:
    kept = connection.default_channel.client.hlen("unacked")
print("messages that the broker keeps until somebody acknowledges them:", kept)
