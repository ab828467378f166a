"""The parts of the measurements that run inside a project.

Run this program in the project's folder:

    python in_project.py FUNCTION ARGUMENTS

A function that measures something prints the results in seconds.
"""

import io
import sys
import time
from datetime import timedelta
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from workshop.system.waiting import until


def fill(count: str) -> None:
    """Create `count` photos with their files, and set the time of the upload to an hour ago.

    No messages are sent, as if all messages had been lost.
    """
    from django.core.files.base import ContentFile
    from django.utils import timezone
    from images.models import UploadedImage
    from PIL import Image

    file = io.BytesIO()
    Image.effect_mandelbrot((64, 48), (-2, -1.2, 1, 1.2), 60).convert("RGB").save(file, "JPEG", quality=80)
    content = file.getvalue()
    storage = UploadedImage._meta.get_field("image").storage
    hour_ago = timezone.now() - timedelta(hours=1)
    rows = []
    for number in range(int(count)):
        name = storage.save(f"uploads/{number // 1000:02}/p{number:05}.jpg", ContentFile(content))
        rows.append(
            UploadedImage(image=name, width=64, height=48, original_bytes=len(content), queued_at=hour_ago)
        )
    UploadedImage.objects.bulk_create(rows, batch_size=500)
    UploadedImage.objects.update(uploaded_at=hour_ago)


def sweep(count: str) -> None:
    """Run one sweep, which has to find all photos and send their tasks. Print how long the sweep takes.

    Raises:
        SystemExit: If the sweep did not send exactly `count` tasks.
    """
    from images.models import UploadedImage
    from upkeep import sweeping

    UploadedImage.objects.exists()
    sweeping.resize_image_task.app.connection_for_write().ensure_connection()
    start = time.perf_counter()
    sent, failed = sweeping.sweep()
    if (sent, failed) != (int(count), 0):
        raise SystemExit(f"The sweep sent {sent} of {count} tasks and marked {failed} photos as failed.")
    print(time.perf_counter() - start)


def resized(count: str) -> None:
    """Wait until all photos are resized. Print the times of the first and last resize (seconds since 1970).

    Raises:
        SystemExit: If some of the `count` photos were not resized in time.
    """
    from django.db.models import Max, Min
    from images.models import UploadedImage

    waiting = UploadedImage.objects.filter(is_processed=False)
    if not until(lambda: not waiting.exists(), 60 + int(count) / 5, longest_pause=0.2):
        raise SystemExit(f"{waiting.count()} of {count} photos were not resized.")
    moments = UploadedImage.objects.aggregate(first=Min("resized_at"), last=Max("resized_at"))
    print(moments["first"].timestamp(), moments["last"].timestamp())


def report(count: str) -> None:
    """Create the report and the CSV table for the day of the uploads. Print how long this takes.

    Raises:
        SystemExit: If the report doesn't contain `count` uploads.
    """
    from images.models import UploadedImage
    from upkeep import reporting

    day = UploadedImage.objects.latest("pk").uploaded_at.astimezone(reporting.zone()).date()
    start = time.perf_counter()
    figures, table = reporting.figures(day), reporting.table(day)
    if figures["uploads"] != int(count) or table.count("\n") != int(count) + 1:
        raise SystemExit(f"The report contains {figures['uploads']} of {count} uploads.")
    print(time.perf_counter() - start)


def send() -> None:
    """Send a task for each photo. Print the start time (seconds since 1970), then the CPU seconds used."""
    from images.models import UploadedImage
    from images.tasks import resize_image_task

    ids = list(UploadedImage.objects.values_list("pk", flat=True))
    resize_image_task.app.connection_for_write().ensure_connection()
    print(time.time(), flush=True)
    before = time.process_time()
    for pk in ids:
        resize_image_task.delay(pk)
    print(time.process_time() - before)


def pool(processes: str, target: str, *files: str) -> None:
    """Resize `files` in a process pool, and write the results to the folder `target`. Print the duration."""
    resize = partial(_resize_file, Path(target))
    with Pool(int(processes)) as workers:
        workers.map(resize, files[: int(processes) * 2], chunksize=1)  # warm-up
        start = time.perf_counter()
        workers.map(resize, files, chunksize=1)
        print(time.perf_counter() - start)


def _resize_file(target: Path, name: str) -> None:
    from images.resizing import resize

    with open(name, "rb") as file:
        resized = resize(file, 800, 600)
    (target / (Path(name).stem + resized.extension)).write_bytes(resized.content)


if __name__ == "__main__":
    import django

    django.setup()
    import myproject  # noqa: F401  the app that sends the tasks

    functions = {function.__name__: function for function in (fill, sweep, resized, report, send, pool)}
    functions[sys.argv[1]](*sys.argv[2:])
