"""Send a task for each photo and wait until all photos are resized.

Run this program in the project's folder:

    python send_photos.py SECONDS send|follow

Whenever the number of resized photos changes, the program prints this number and the seconds since the first
task was sent. It exits when all photos are resized, or when no photo has been resized for SECONDS seconds.
With `follow`, the program sends no tasks and only waits.
"""

import sys
import time
from functools import partial

from workshop.system.waiting import until


def main(patience: float, send: bool) -> None:
    """Send the tasks if `send` is True, and print the progress.

    Args:
        patience: The maximum number of seconds to wait for the next photo to be resized.
        send: Whether to send the tasks.
    """
    import django

    django.setup()
    from images.models import UploadedImage
    from images.tasks import resize_image_task

    if send:
        UploadedImage.objects.update(is_processed=False, resized_image="")
    ids = list(UploadedImage.objects.values_list("pk", flat=True))
    resize_image_task.app.connection_for_write().ensure_connection()
    start = time.monotonic()
    for pk in ids if send else ():
        resize_image_task.delay(pk)

    def count_above(before: int) -> int:
        count = UploadedImage.objects.filter(is_processed=True).count()
        return count if count > before else 0

    resized = 0
    while resized < len(ids) and (
        count := until(partial(count_above, resized), patience, longest_pause=0.02)
    ):
        resized = count
        print(resized, f"{time.monotonic() - start:.3f}", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2] == "send")
