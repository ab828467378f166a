import pytest
from celery.utils.time import rate
from django.core.management import call_command

from workshop.checkkit import complain, expect, photos, task_name, until

pytestmark = pytest.mark.step("3.9")

FILE = "images/tasks.py, resize_again_task()"


def limit(app, name):
    """Return how many of these tasks may start per second, or 0 if there is no limit."""
    text = app.tasks[name].rate_limit or app.conf.task_default_rate_limit
    try:
        return rate(text)
    except (KeyError, ValueError, TypeError, AttributeError):
        complain(
            "Celery can't parse the rate limit, so no worker can start.",
            "Write the limit as a string: a number followed by /s, /m or /h.",
            expected='rate_limit="2/s"',
            found=f"rate_limit={text!r}",
            file=FILE,
        )


def test_rate_limit(app, task):
    """resize_again_task is limited to two per second, and resize_image_task is not limited."""
    again, upload = limit(app, task_name("images.tasks.resize_again_task")), limit(app, task.name)
    expect(
        not upload,
        "the uploads are limited, because resize_image_task has a rate limit.",
        "Limit only resize_again_task. A worker should resize uploads as fast as it can.",
        found=f"resize_image_task: {upload:g} per second",
        file=FILE,
    )
    expect(
        again,
        "resize_again_task has no rate limit.",
        "Set rate_limit in the decorator of resize_again_task. Sleeping in the task would block a process, and Celery ignores "
        "an option that has the wrong name or belongs to another task.",
        expected='rate_limit="2/s"',
        found="no limit",
        file=FILE,
    )
    expect(
        1 <= again <= 2,
        "resize_again_task is not limited to two per second.",
        expected='rate_limit="2/s"',
        found=f"{again * 60:g} per minute: a thousand photos take {1000 / again / 60:.0f} minutes",
        file=FILE,
    )


def test_uploads_go_first(upload, worker, photo, settled):
    """An upload doesn't have to wait until all old photos have been resized again."""
    from images.models import UploadedImage

    done = worker.log.count("resize_again_task")
    for number in range(8):
        photo(photos.jpeg(80, 60), f"old-{number}.jpg")
    call_command("resize_again", verbosity=0)
    upload(("new.jpg", photos.jpeg(80, 60)))
    new = UploadedImage.objects.get(image__contains="new")
    settled(new)
    left = 8 - sum(photo.is_processed for photo in UploadedImage.objects.filter(image__contains="old"))
    expect(
        new.is_processed and left,
        "a new photo had to wait until eight old photos had been resized again.",
        file=FILE,
    )
    expect(
        until(lambda: worker.log.count("resize_again_task") > done),
        "none of the old photos was resized again.",
        file=FILE,
    )
