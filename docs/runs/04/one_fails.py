"""Summarize three photos, of which the second has been deleted, and show what the page gets.

The script needs the chord from step 4.5, and takes at most ten seconds.
"""

import sys
import textwrap
import time

sys.path.append("../../docs/runs")

import services
from celery.result import GroupResult
from images.models import UploadedImage
from images.queueing import enqueue_summary
from images.results import result_as_json

services.require_worker()
first, second, third = UploadedImage.objects.filter(is_processed=True).values_list("pk", flat=True)[:3]
task = enqueue_summary([first, 0, third])  # no photo has the id 0
if task.parent is None:
    raise SystemExit("enqueue_summary() sent no chord. Finish step 4.5 first.")
header = GroupResult.restore(task.parent.id)
began = time.monotonic()
while not (task.ready() and header.ready()) and time.monotonic() - began < 10:
    time.sleep(0.1)
answer = result_as_json(task)
print("header tasks", *(each.state for each in header))
text = f"summary      {answer['state']} {answer['error'] or answer['result']}"
print(textwrap.fill(text, 80, subsequent_indent=" " * 13))
