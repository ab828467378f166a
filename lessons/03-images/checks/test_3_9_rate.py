import pytest
from django.core.management import call_command

from workshop.checkkit import expect, photos, until

pytestmark = pytest.mark.step("3.9")

FILE = "images/tasks.py, resize_again_task()"


def test_rate_limit(app, worker):
    """The worker starts at most two of resize_again_task a second, and as many uploads as it can."""
    from celery.utils.time import rate

    names = "images.tasks.resize_again_task", "images.tasks.resize_image_task"
    again, upload = (rate(app.tasks[name].rate_limit or app.conf.task_default_rate_limit) for name in names)
    expect(
        0 < again <= 2,
        "resizing all photos again is not limited to two a second.",
        expected='rate_limit="2/s"',
        found=f"{again:g} a second" if again else "no limit",
        file=FILE,
    )
    expect(not upload, "the uploads are limited too.", found=f"{upload:g} a second", file=FILE)


def test_uploads_go_first(upload, worker, photo, settled):
    """An upload does not wait until all the old photos are resized again."""
    from images.models import UploadedImage

    done = worker.log.count("resize_again_task")
    for number in range(8):
        photo(photos.jpeg(800, 600), f"old-{number}.jpg")
    call_command("resize_again", verbosity=0)
    upload(("new.jpg", photos.jpeg()))
    new = UploadedImage.objects.get(image__contains="new")
    settled(new)
    left = 8 - sum(photo.is_processed for photo in UploadedImage.objects.filter(image__contains="old"))
    expect(
        new.is_processed and left,
        "a new photo had to wait until eight old ones were resized again.",
        file=FILE,
    )
    expect(
        until(lambda: worker.log.count("resize_again_task") > done),
        "no old photo was resized again.",
        file=FILE,
    )
