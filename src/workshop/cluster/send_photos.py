"""Runs inside the project: sends a task for each photo and waits until all photos are resized.

Whenever the number of resized photos changes, prints it with the seconds since the first task was sent.
"""

import sys
import time

NOT_ALL = 3
"""The exit code if unresized photos are left and none was resized for `patience` seconds."""


def main(patience: float, send: bool) -> int:
    import django

    django.setup()
    from images.models import UploadedImage
    from images.tasks import resize_image_task

    if send:
        UploadedImage.objects.update(is_processed=False, resized_image="")
    ids = list(UploadedImage.objects.values_list("pk", flat=True))
    resize_image_task.app.connection_for_write().ensure_connection()
    began = changed = time.monotonic()
    for pk in ids if send else ():
        resize_image_task.delay(pk)
    seen = 0
    while seen < len(ids):
        time.sleep(0.02)
        done, now = UploadedImage.objects.filter(is_processed=True).count(), time.monotonic()
        if done != seen:
            seen, changed = done, now
            print(done, f"{now - began:.3f}", flush=True)
        elif now - changed > patience:
            return NOT_ALL
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2] == "send"))
