"""Listen for events for two seconds, as Flower does. Send one task, and print the events that arrive."""

import contextlib
import sys
import threading

sys.path.append("../../docs/runs")

import services
from celery import current_app
from images.models import UploadedImage
from images.tasks import describe_photo_task

services.require_broker()
received = []


def receive(event):
    if event["type"].startswith("task-"):
        received.append(f"{event['type']:<16} from {event['hostname']}")


photo = UploadedImage.objects.earliest("pk")
with current_app.connection_for_read() as connection:
    threading.Timer(0.5, describe_photo_task.delay, [photo.pk]).start()
    receiver = current_app.events.Receiver(connection, handlers={"*": receive})
    with contextlib.suppress(TimeoutError):
        receiver.capture(timeout=2, wakeup=False)
print("\n".join(received) or "no event arrived")
