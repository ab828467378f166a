"""Listen to the workers as Flower does, while one task is sent: which events are heard?"""

import contextlib
import threading

from celery import current_app
from images.models import UploadedImage
from images.tasks import describe_photo_task

heard = []


def hear(event):
    if event["type"].startswith("task-"):
        heard.append(f"{event['type']:<16} from {event['hostname']}")


photo = UploadedImage.objects.earliest("pk")
with current_app.connection_for_read() as connection:
    threading.Timer(0.5, describe_photo_task.delay, [photo.pk]).start()
    receiver = current_app.events.Receiver(connection, handlers={"*": hear})
    with contextlib.suppress(TimeoutError):
        receiver.capture(timeout=2, wakeup=False)
print("\n".join(heard) or "nothing")
