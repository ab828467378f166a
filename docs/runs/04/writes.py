"""Print what one task writes to the result backend. Redis reports every command that it runs."""

import sys

sys.path.append("../../docs/runs")

import services
from celery import current_app
from images.models import UploadedImage
from images.tasks import describe_photo_task

services.require_worker()
client = current_app.backend.client
photo = UploadedImage.objects.earliest("pk")

with client.monitor() as monitor:
    task = describe_photo_task.delay(photo.pk)
    task.get(timeout=10)
    client.echo("that is all")
    for said in monitor.listen():
        verb, _, rest = said["command"].partition(" ")
        if verb == "ECHO":
            break
        if task.id in rest and verb in ("SET", "SETEX", "PUBLISH"):
            state = next((state for state in ("STARTED", "SUCCESS") if f'"status": "{state}"' in rest), rest)
            print(f"{verb:<8} {state}")
