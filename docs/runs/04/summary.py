"""Summarize all photos, print each number that the page could show, and count the results in Redis."""

import sys
import textwrap
import time

sys.path.append("../../docs/runs")

import services
from celery import current_app
from images.batch_views import BATCH_SIZE
from images.models import UploadedImage
from images.queueing import enqueue_summary
from images.results import progress_of

services.require_worker()
client = current_app.backend.client
before = set(client.keys("celery-task-*"))
ids = list(UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True)[:BATCH_SIZE])
task = enqueue_summary(ids)
if task.parent is None:
    raise SystemExit("enqueue_summary() sent no chord. Finish step 4.5 first.")
began, shown = time.monotonic(), None
while not task.ready():
    if (progress := progress_of(task, task.parent.id)) != shown:
        shown = progress
        print(f"{time.monotonic() - began:5.2f} s   {task.state}   {shown}")
    time.sleep(0.01)
text = f"{time.monotonic() - began:5.2f} s   {task.state}   {task.result}"
print(textwrap.fill(text, 80, subsequent_indent=" " * 10))
print(f"results on Redis: {len(set(client.keys('celery-task-*')) - before)} more")
