import pytest

from workshop.checkkit import complain, expect, photos, until

pytestmark = pytest.mark.step("3.1")

VIEW = "images/views.py, upload()"
TASK = "images/tasks.py, resize_image_task()"


def test_view_leaves_the_work(upload, queue, patience):
    """The view answers with the photos kept and not resized, and one message for each on the queue."""
    from images.models import UploadedImage

    with patience(
        "the upload view did not answer while no worker took the task.",
        "It waits for the result. Take .get() out: the page follows the photo's state by itself.",
        file=VIEW,
    ):
        upload(("garden.jpg", photos.jpeg()), ("sea.png", photos.png()))
    kept = list(UploadedImage.objects.order_by("pk"))
    expect(len(kept) == 2, f"two photos were uploaded, and {len(kept)} are kept.", file=VIEW)
    resized = [photo.name for photo in kept if photo.is_processed]
    expect(
        not resized,
        "the view still resizes: no worker was there, and the photos are done when the answer comes.",
        "Called like a function, a task runs in the web process too.",
        resized=", ".join(resized),
        file=VIEW,
    )
    found = sorted(
        message.args[0] if message.args else message.kwargs.get("image_id") for message in queue.messages()
    )
    expect(
        found == [photo.pk for photo in kept],
        "there is not one message with the id of each photo on the queue.",
        expected="\n".join(f"images.tasks.resize_image_task({photo.pk})" for photo in kept),
        found="\n".join(map(str, queue.messages())) or "no message",
        file="images/views.py, enqueue()",
    )


def test_worker_resizes(upload, worker, settled):
    """An upload is resized by the worker, and kept with its figures."""
    from images.models import UploadedImage

    upload(("garden.jpg", photos.jpeg(1600, 1200, 6)))
    photo = settled(UploadedImage.objects.get(), 5)
    if not photo.is_processed:
        said = [line for line in worker.log.splitlines() if "resize_image_task" in line]
        complain(
            "the task ran, and the photo is not resized." if said else "the worker did not get the task.",
            worker_says=said[-1].rpartition("] ")[2] if said else worker.log.splitlines()[-1],
            raised_at=worker.last_place() or "nothing was raised",
            file=TASK,
        )
    name = photo.resized_image.name.rpartition("/")[2]
    found = (name, photo.resized_width, photo.resized_height)
    expect(
        found == ("garden_resized.jpg", 450, 600),
        "the photo is not kept as it was in lesson 01.",
        expected="garden_resized.jpg, 450×600",
        found="{}, {}×{}".format(*found),
        file=TASK,
    )
    expect(photo.resize_seconds, "the photo does not say how long its resize took.", file=TASK)


def test_box(worker, photo, task):
    """max_width and max_height reach resize()."""
    kept = photo(photos.jpeg())
    task.apply_async((kept.pk,), {"max_width": 100, "max_height": 100})

    def over():
        kept.refresh_from_db()
        return kept.is_processed

    until(over, 5)
    expect(
        (kept.resized_width, kept.resized_height) == (100, 75),
        "the task was asked for a box of 100×100.",
        expected="100×75",
        found=f"{kept.resized_width}×{kept.resized_height}" if kept.is_processed else "not resized",
        file=TASK,
    )


def test_reads_through_the_storage(task, photo, no_path):
    """The photo is opened through the storage: a worker on another machine has no such path."""
    kept = photo(photos.jpeg())
    with no_path(TASK):
        task(kept.pk)
