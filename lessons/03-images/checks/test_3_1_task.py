import errno

import pytest
from django.core.files.storage import storages
from kombu.exceptions import EncodeError
from PIL import Image

from workshop.checkkit import complain, expect, photos
from workshop.checkkit.observed_rows import expect_consistent_rows, observe_rows
from workshop.checkkit.photo_rows import expect_original

pytestmark = pytest.mark.step("3.1")

VIEW = "images/views.py, upload()"
TASK = "images/tasks.py, resize_image_task()"


def test_view_leaves_the_work(upload, queue, sent, task, time_limit):
    """The view saves the photos and sends one message for each photo, but doesn't resize them."""
    from images.models import UploadedImage

    with time_limit(
        "the upload view did not respond while no worker was running.",
        "The view waits for the task's result. Delete the .get() call: the page asks for the photo's state later.",
        file=VIEW,
    ):
        try:
            upload(("garden.jpg", photos.jpeg()), ("sea.png", photos.png()))
        except EncodeError as error:
            complain(
                "an argument of the task can't be serialized to JSON, so the task can't be sent.",
                "JSON supports only types such as numbers, strings and lists. Send photo.pk, and let the task load the row.",
                says=str(error),
                file="images/queueing.py, enqueue()",
            )
    kept = list(UploadedImage.objects.order_by("pk"))
    expect(len(kept) == 2, f"two photos were uploaded, but the database contains {len(kept)}.", file=VIEW)
    resized = [photo.name for photo in kept if photo.is_processed]
    expect(
        not resized,
        "the view still resizes the photos: no worker was running, but the photos were already resized when the view returned.",
        "Delete the loop in upload(), and send the task with delay(). If you call a task like a function, it runs in the "
        "web process too.",
        resized=", ".join(resized),
        file=VIEW,
    )
    ids = sorted(photo.pk for photo in kept)
    facts = {
        "expected": "\n".join(f"{task.name}({pk})" for pk in ids),
        "found": "\n".join(map(str, queue.messages())) or "no message",
        "file": "images/queueing.py, enqueue()",
    }
    expect(
        set(sent()) != set(ids) or len(sent()) == len(ids),
        "a task was sent more than once for the same photo.",
        "Send tasks only in enqueue(), one for each photo, and none in the upload view.",
        **facts,
    )
    expect(
        sorted(sent(), key=str) == sorted(ids, key=str),
        "the queue does not contain exactly one message for each photo.",
        f"Each message must contain the full task name, {task.name}, and the photo's id.",
        **facts,
    )


def test_rows_during_the_work(attempt, photo):
    """While the task is running, a photo with is_processed=True has a resized file, and a good photo is never marked as failed."""
    kept = photo(photos.jpeg(400, 300))
    with observe_rows() as rows:
        attempt(kept)
    expect_consistent_rows(rows, "the task", TASK)


def test_worker_resizes(task, worker, photo, settled):
    """The worker resizes the photo and stores the file, its size and the resize time."""
    kept = photo(photos.jpeg(1600, 1200, 6))
    started = task.delay(kept.pk)
    settled(kept, started.id)
    if not kept.is_processed:
        said = worker.outcome(started.id)
        complain(
            "the task ran, but the photo was not resized."
            if said
            else "the worker did not finish the task in time.",
            "The task raised no exception, but the row is unchanged: an attribute that you set on the photo is lost "
            "unless you save it. Call attach_resized(), which saves the photo."
            if said.startswith("succeeded")
            else ("" if said else "If your machine is very busy, run the check again."),
            worker_says=said or worker.log.splitlines()[-1],
            raised_at=worker.raised_at(started.id) or "nothing was raised",
            file=TASK,
        )
    name = kept.resized_image.name.rpartition("/")[2]
    found = (name, kept.resized_width, kept.resized_height)
    expect(
        found == ("garden_resized.jpg", 450, 600),
        "the resized photo has a different name or size than in lesson 01.",
        expected="garden_resized.jpg, 450×600",
        found="{}, {}×{}".format(*found),
        file=TASK,
    )
    expect(
        kept.resize_seconds,
        "the photo's resize_seconds is empty. Pass the elapsed seconds to attach_resized().",
        file=TASK,
    )


def test_box(task, photo, settled):
    """The task passes max_width and max_height to resize()."""
    kept = photo(photos.jpeg(400, 300))
    started = task.apply_async((kept.pk,), {"max_width": 100, "max_height": 100})
    settled(kept, started.id)
    expect(
        (kept.resized_width, kept.resized_height) == (100, 75),
        "the task was sent with a maximum size of 100×100, but the resized photo has a different size.",
        "Pass the task's max_width and max_height to resize().",
        expected="100×75",
        found=f"{kept.resized_width}×{kept.resized_height}" if kept.is_processed else "not resized",
        file=TASK,
    )


def test_reads_through_the_storage(task, photo, forbid_path):
    """The task opens the photo through the storage, because the photo's path may not exist on the worker's machine."""
    kept = photo(photos.jpeg())
    with forbid_path(TASK):
        task(kept.pk)


def test_original_is_kept(attempt, photo):
    """The uploaded file stays as it is."""
    content = photos.jpeg(400, 300)
    kept = photo(content)
    attempt(kept)
    expect_original(kept, content, TASK)


def test_view_keeps_what_a_worker_writes(expect_view_keeps_row):
    """If a worker finishes before the view does, the worker's result is kept."""
    expect_view_keeps_row()


MISSING = FileNotFoundError(errno.ENOENT, "No such file or directory")
BUGS = [kind("a bug in the code") for kind in (ValueError, TypeError, KeyError, AttributeError, RuntimeError)]
"""UnreadablePicture is a ValueError, but a ValueError can be anything."""


@pytest.mark.parametrize("error", [MISSING, *BUGS], ids=lambda error: type(error).__name__)
def test_only_damage_is_caught(attempt, photo, monkeypatch, error):
    """Only UnreadablePicture is caught. Any other exception of a good photo propagates out of the task."""
    damaged, kept = photo(photos.cut_short(), "cut.jpg"), photo(photos.jpeg(80, 60))
    attempt(damaged)

    def fail(*args, **kwargs):
        raise error

    owner, name = (type(storages["default"]), "_open") if error is MISSING else (Image.Image, "save")
    monkeypatch.setattr(owner, name, fail)
    left, messages = attempt(kept)
    damaged.refresh_from_db(), kept.refresh_from_db()
    expect(
        left or messages or (kept.failure_reason and kept.failure_reason != damaged.failure_reason),
        f"{type(error).__name__} has nothing to do with the picture, but the task "
        + ("reports a good photo as damaged." if kept.failure_reason else "ended as if it had succeeded."),
        "resize() raises UnreadablePicture for every damaged picture, and any other exception is a mistake in the code or "
        "an error of the storage. Catch only UnreadablePicture, so that the task fails and you learn about the error.",
        raised=f"{type(error).__name__}: {error}",
        reason=kept.failure_reason or "none",
        file=TASK,
    )


@pytest.mark.parametrize("content", [photos.jpeg, photos.cut_short])
def test_task_keeps_what_others_write(expect_task_keeps_row, photo, content):
    """If another process changes the photo's row while the task is running, that change is kept."""
    expect_task_keeps_row(photo(content()))
